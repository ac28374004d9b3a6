// Made by ../generate.sh: do not edit. It changes with the headers one folder up, which Go's build cache does not
// see. Sum of all of them:
// 01deb69913dfee6a96b3cfe6f787a2c11d0223187bbd05fb90f712dde543fdc5
