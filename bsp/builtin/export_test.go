package builtin

// BytesCodec is randcomm's codec.
var BytesCodec bytesCodec
