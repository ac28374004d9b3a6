// Made by ../generate.sh: do not edit. It changes with the headers of other folders, which Go's build cache does not
// see. Sum of all of them:
// 1f0b859d226bae0cbb08932ea4074bb18b71aaa2899c3391fcc524776eda751a
