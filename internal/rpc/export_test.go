package rpc

// HeaderSize is the length of a frame's header.
const HeaderSize = headerSize
