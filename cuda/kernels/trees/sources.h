// Made by ../generate.sh: do not edit. It changes with the headers of other folders, which Go's build cache does not
// see. Sum of all of them:
// 5e954cc39e4b40085df5adc8181c3fb5b833a103bdd9c2f9b8292fb2e370c25e
