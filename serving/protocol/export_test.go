package protocol

// Depth is how deep brackets are nested at most.
const Depth = maxDepth
