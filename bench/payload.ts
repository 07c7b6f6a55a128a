export const PAYLOAD_SIZE = 32;

/** Gives a payload that differs from round to round, in the same memory each time, as the C peer does. */
export function payloadMaker(): (round: number) => Uint8Array {
  const payload = new Uint8Array(PAYLOAD_SIZE);
  const words = new Uint32Array(payload.buffer);
  return round => {
    words[0] = round;
    return payload;
  };
}
