// Made by ../generate.sh: do not edit. It changes with the headers of other folders, which Go's build cache does not
// see. Sum of all of them:
// e0062355958235c378f3fdd28a1b2219ed1e58ef94d2b27cc1acc4d6da96ca39
