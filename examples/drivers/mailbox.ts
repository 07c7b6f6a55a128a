import {
  CxlError,
  contextEventsPending,
  defineDriver,
  setDriverOps,
  type AfuDriver,
  type Context,
  type DriverEvent,
} from 'afukit/driver';

/** Letters that nobody has got yet, oldest first; the core holds the first `fetched` of them. */
const letters: DriverEvent[] = [];
let fetched = 0;
let reader: Context | undefined;

/** Keeps every letter until a reader has really got it; what one reader leaves behind the next one gets. */
const mailbox: AfuDriver = defineDriver({
  name: 'mailbox',
  open(context, module) {
    if (reader) throw new CxlError('EBUSY', 'open', `${reader.name} reads already`);
    setDriverOps(context, {
      owner: module,
      fetchEvent: () => letters[fetched++] ?? null,
      eventDelivered(_context, _letter, result) {
        fetched--;
        if (result === 0) letters.shift();
      },
    });
    reader = context;
    contextEventsPending(context, letters.length);
  },
  release(context) {
    if (reader === context) reader = undefined;
  },
  controls: () => ({
    mail: {
      read: () => `${letters.length} letters, ${fetched} of them fetched\n`,
      write(bytes) {
        if (bytes.length > 4088) throw new CxlError('EMSGSIZE', 'write');
        letters.push({ dataSize: bytes.length, data: new Uint8Array(bytes) });
        if (reader) contextEventsPending(reader, 1);
      },
    },
  }),
});

export default mailbox;
