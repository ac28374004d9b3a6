// Package compress asks how much of a fitted surrogate was overhead: it takes weights or whole units away, trains on what
// is left, rounds the weights to few bits, and counts what remains beside what it still predicts.
//
// It leaves a folder:
//
//	out/request.json          what was asked for
//	out/levels/NAME/          a level's model, as of a fit, and row.json, its row of the report, written last
//	out/report.json, .svg     all rows and the picture of fidelity against parameters and bits
//
// A level starts from the weights of the one before it (Han et al. 2015, "Learning both weights and connections for
// efficient neural networks"). What is computed depends on the model, the data set and the request alone.
package compress
