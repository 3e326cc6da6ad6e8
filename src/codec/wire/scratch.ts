/** Eight octets seen as each kind of number: how bits get from one kind to another. As little endian as the wire, and every platform. */

/** The octets. */
export const octets: Uint8Array = new Uint8Array(8);
/** As 32-bit integers: the low half first. */
export const int32s: Int32Array = new Int32Array(octets.buffer);
export const float32s: Float32Array = new Float32Array(octets.buffer);
export const float64s: Float64Array = new Float64Array(octets.buffer);
export const int64s: BigInt64Array = new BigInt64Array(octets.buffer);
export const uint64s: BigUint64Array = new BigUint64Array(octets.buffer);
