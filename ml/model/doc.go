// Package model keeps the weights of models in files.
//
//	[]Tensor ─ Encode ─▶ bytes ─ Write ─▶ weights.safetensors, whole and synced or not at all
//	[]Tensor ◀─ Decode ─ bytes ◀─ Read ── checked against its digest
//
// The format is safetensors (https://github.com/huggingface/safetensors): the length of the
// header, 8 bytes, little-endian; the header, JSON of each tensor's name, type, shape and
// range of bytes, with blanks after it; then the numbers, little-endian.
package model
