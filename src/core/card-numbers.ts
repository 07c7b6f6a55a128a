/**
 * Gives each adapter without a card number the lowest free one.
 * @throws RangeError when two have the same
 */
export function withCardNumbers<A extends { readonly card?: number | undefined }>(
  adapters: readonly A[],
): (A & { readonly card: number })[] {
  const taken = new Set<number>();
  for (const { card } of adapters) {
    if (card === undefined) continue;
    if (taken.has(card)) throw new RangeError(`adapters: two have the card number ${card}`);
    taken.add(card);
  }
  return adapters.map(adapter => {
    let { card } = adapter;
    for (let free = 0; card === undefined; free++) if (!taken.has(free)) card = free;
    taken.add(card);
    return { ...adapter, card };
  });
}
