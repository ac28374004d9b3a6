// Made by ../generate.sh: do not edit. It changes with the headers one folder up, which Go's build cache does not
// see. Sum of all of them:
// e788934915289a7b39709f877f4f30c00f87ec94db2ba26f915d5f9387287587
