package decimal

// Tens are the powers of ten that texts are made by, from 10^Lowest on.
var Tens = tens

// Lowest is their first exponent.
const Lowest = lowest
