/** The keys of an `as const` table with their types, which Object.keys forgets. */
export function keysOf<T extends object>(table: T): Extract<keyof T, string>[] {
  const keys: Extract<keyof T, string>[] = [];
  for (const key in table) if (Object.hasOwn(table, key)) keys.push(key);
  return keys;
}

/**
 * The names of the bits that are set in `value`, in the table's order; what no name covers comes last, in hex.
 *
 * @param table name to bit; no two names may share one.
 */
export function bitNames(table: Readonly<Record<string, bigint>>, value: bigint): string[] {
  const names: string[] = [];
  let rest = value;
  for (const [name, bit] of Object.entries(table)) {
    if ((value & bit) === 0n) continue;
    names.push(name);
    rest &= ~bit;
  }
  if (rest !== 0n) names.push(`0x${rest.toString(16)}`);
  return names;
}
