// Made by ../generate.sh: do not edit. It changes with the headers of other folders, which Go's build cache does not
// see. Sum of all of them:
// 28090d56b7b992e9308c793b72daa6d143aebf5addaa75cd45a99d4f843f8900
