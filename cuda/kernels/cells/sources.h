// Made by ../generate.sh: do not edit. It changes with the headers one folder up, which Go's build cache does not
// see. Sum of all of them:
// ad97766b94be31d052692ad6a1b4dda4e24358ee32d08de03428939be3a11e4c
