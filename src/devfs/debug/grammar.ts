// The words of a command for `debug/cxl/inject`, and what is wrong with those that are none. No behaviour.

/** One word of a command, or with `rest` everything to the end of the line. */
export interface Parameter<T> {
  /** As the usage line has it. */
  readonly name: string;
  /** What it must be, for a message. */
  readonly wants: string;
  /** Undefined when it is not that. */
  readonly parse: (text: string) => T | undefined;
  readonly optional?: boolean;
  readonly rest?: boolean;
}

/** A context by its AFU and its process element; `*` is all of the AFU's. */
export interface Target {
  readonly afu: string;
  readonly pe: number | '*';
}

export const target: Parameter<Target> = {
  name: 'afuC.S/PE',
  wants: 'a context such as afu0.0/3, or afu0.0/* for all of an AFU',
  parse(text) {
    const [, afu, pe] = /^(afu\d+\.\d+)\/(\d{1,5}|\*)$/.exec(text) ?? [];
    return afu === undefined ? undefined : { afu, pe: pe === '*' ? pe : Number(pe) };
  },
};

export const cardName: Parameter<string> = {
  name: 'cardC',
  wants: 'a card such as card0',
  parse: text => (/^card\d+$/.test(text) ? text : undefined),
};

export const afuName: Parameter<string> = {
  name: 'afuC.S',
  wants: 'an AFU such as afu0.0',
  parse: text => (/^afu\d+\.\d+$/.test(text) ? text : undefined),
};

/** Decimal or 0x, from `least` to `most`. */
export function number(name: string, least: number, most: number): Parameter<number> {
  return {
    name,
    wants: `a number from ${least} to ${most}`,
    parse(text) {
      const value = unsigned(text);
      return value !== undefined && value >= least && value <= most ? Number(value) : undefined;
    },
  };
}

/** 64 bits, decimal or 0x. */
export function word(name: string): Parameter<bigint> {
  return {
    name,
    wants: 'a number of up to 64 bits, such as 255 or 0xff',
    parse(text) {
      const value = unsigned(text);
      return value !== undefined && value < 1n << 64n ? value : undefined;
    },
  };
}

function unsigned(text: string): bigint | undefined {
  return /^(?:0x[\da-f]+|\d+)$/i.test(text) ? BigInt(text) : undefined;
}

export function oneOf<T extends string>(...words: readonly T[]): Parameter<T> {
  const list = words.map(each => `"${each}"`).join(' or ');
  return { name: words.join('|'), wants: list, parse: text => words.find(each => each === text) };
}

export function optional<T>(parameter: Parameter<T>): Parameter<T | undefined> {
  return { ...parameter, optional: true };
}

/** Bytes in hexadecimal, or a text as UTF-8, which goes to the end of the line. */
export const payload: Parameter<Uint8Array> = {
  name: 'HEX|text:STRING',
  wants: 'bytes in hexadecimal, two digits each, or "text:" and a text',
  rest: true,
  parse(text) {
    if (text.startsWith('text:')) return new TextEncoder().encode(text.slice('text:'.length));
    const digits = text.trim();
    if (!/^(?:[\da-f]{2})+$/i.test(digits)) return undefined;
    return Uint8Array.from(digits.match(/../g)!, pair => Number.parseInt(pair, 16));
  },
};

/** What a command is written like. */
export interface Form {
  readonly name: string;
  /** The first one tells what the command is for. */
  readonly parameters: readonly [Parameter<unknown>, ...Parameter<unknown>[]];
}

export interface Parsed<F extends Form> {
  readonly form: F;
  readonly values: readonly unknown[];
  /** The first parameter as it was written. */
  readonly subject: string;
}

/** `interrupt afuC.S/PE N` */
export function usageOf({ name, parameters }: Form): string {
  return [name, ...parameters.map(each => (each.optional ? `[${each.name}]` : each.name))].join(' ');
}

/** A line as one of `forms`, which may share names; or the problem with it, in one line. */
export function parseCommand<F extends Form>(line: string, forms: readonly F[]): Parsed<F> | { problem: string } {
  const words = new Words(line);
  const name = words.next();
  const named = forms.filter(form => form.name === name);
  if (named.length === 0) {
    const names = [...new Set(forms.map(form => form.name))].join(', ');
    return {
      problem: name === '' ? `no command; there are ${names}` : `unknown command "${name}"; there are ${names}`,
    };
  }
  const usage = named.map(usageOf).join(' or ');
  const subject = words.next();
  const form = named.find(({ parameters: [first] }) => first.parse(subject) !== undefined);
  if (!form) {
    const wants = named.map(({ parameters: [first] }) => first.wants).join(', or ');
    return { problem: subject === '' ? `${usage}: ${wants} is missing` : `${usage}: "${subject}" is not ${wants}` };
  }
  const [first, ...others] = form.parameters;
  const values: unknown[] = [first.parse(subject)];
  for (const parameter of others) {
    const text = parameter.rest ? words.rest() : words.next();
    if (text === '' && parameter.optional) break;
    if (text === '') return { problem: `${usage}: ${parameter.name} is missing, ${parameter.wants}` };
    const value = parameter.parse(text);
    if (value === undefined)
      return { problem: `${usage}: ${parameter.name} must be ${parameter.wants}, not "${text}"` };
    values.push(value);
  }
  const surplus = words.next();
  return surplus === '' ? { form, values, subject } : { problem: `${usage}: "${surplus}" is too much` };
}

/** A line, word by word; an empty word is its end. */
class Words {
  #left: string;

  constructor(line: string) {
    this.#left = line;
  }

  next(): string {
    const [whole, text = ''] = /^\s*(\S*)\s?/.exec(this.#left) ?? [''];
    this.#left = this.#left.slice(whole.length);
    return text;
  }

  rest(): string {
    const left = this.#left;
    this.#left = '';
    return left.trimStart();
  }
}
