// Package mtx reads Matrix Market files (Boisvert, Pozo, Remington: The Matrix Market
// Exchange Formats, NISTIR 5935, 1996).
//
//	%%MatrixMarket matrix coordinate real general    banner
//	% a comment
//	3 4 2                                            rows columns entries
//	1 4 0.5                                          row column value, from 1
//	3 1 -2
//
// An array has "rows columns" and then a value a line, column after column. Of a
// symmetric matrix what is at and below the diagonal is listed, of a skew-symmetric one
// what is below it.
//
// [Read] reads the header; it is for every reader of a part of the file. A [Parser] then
// takes blocks of the lines after it. A folder of files is one file after the other, as
// a job writes them: only the first has a header.
package mtx
