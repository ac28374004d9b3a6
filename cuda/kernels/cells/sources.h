// Written by ../generate.sh. Go's build cache does not see the headers one folder up; this file changes with them.
// sources 0
// sources 1
// Mon Nov 23 12:07:18 UTC 2026
// Mon Nov 23 12:10:23 UTC 2026
