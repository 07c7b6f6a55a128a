#!/usr/bin/env node
import { parseArgs } from 'node:util';

import { version } from '../launch/package.ts';
import { USER_ERROR_STATUS, UserError, type Verb } from './verb.ts';

const config = { type: 'string', short: 'c' } as const;
const json = { type: 'boolean' } as const;
const mount = { type: 'string', short: 'm' } as const;
const configHelp = `  -c, --config FILE   the cards to serve (default: afukit.config.ts, .mts, .js or .mjs here,
                      else one card with a ticker, afu0.0, and an echo, afu0.1)`;
const mountHelp = `  -m, --mount DIR     where it is served (default: $AFUKIT_MOUNT, else the only afukit mount there is)`;

const verbs: Readonly<Record<string, Verb>> = {
  demo: {
    summary: 'serve a card, run a client against it and show every kind of event',
    usage: '[--json]',
    options: { json },
    help: `  --json              one JSON object per line instead of text`,
    load: async () => (await import('./demo.ts')).demo,
  },
  serve: {
    summary: 'mount the device files and serve them until Ctrl-C or SIGTERM',
    usage: '[--config FILE] [--mount DIR] [--json] [--trace]',
    options: { config, mount, json, trace: { type: 'boolean' } },
    help: `${configHelp}
  -m, --mount DIR     an empty directory to mount on (default: a new one under the temporary directory)
  --json              print one JSON object when ready instead of text
  --trace             print each FUSE request and reply on stderr`,
    load: async () => (await import('./serve.ts')).serve,
  },
  run: {
    summary: 'run a program that finds the devices in /dev/cxl and /sys/class/cxl',
    usage: '[--config FILE] [--no-preload] -- PROGRAM [ARGUMENT...]',
    options: { config, 'no-preload': { type: 'boolean' } },
    takesRest: true,
    help: `${configHelp}
  --no-preload        leave LD_PRELOAD alone: the devices are regular files then, which libcxl does not open

Only PROGRAM and what it starts see the devices. Its exit status is passed on (128 + N when signal N ended it),
and everything is taken down when it ends.`,
    load: async () => (await import('./run.ts')).run,
  },
  ls: {
    summary: 'list the cards, AFUs and contexts that are served',
    usage: '[--mount DIR] [--json]',
    options: { mount, json },
    help: `${mountHelp}
  --json              everything that is known of them, as one JSON document

A context's name, such as afu0.0/3 (AFU and process element), is what afukit inject takes.`,
    load: async () => (await import('./ls.ts')).ls,
  },
  inject: {
    summary: 'make something happen to a card, an AFU or a context that is served',
    usage: '[--mount DIR] COMMAND [ARGUMENT...]',
    options: { mount },
    takesRest: true,
    help: async () => `${mountHelp}

${(await import('./inject.ts')).commandHelp()}

Numbers are decimal or 0x. The same lines can be written to debug/cxl/inject. Exit status: 1 when the server
refuses, 2 when the command is none.`,
    load: async () => (await import('./inject.ts')).inject,
  },
  watch: {
    summary: 'print what happens on the cards that are served, until Ctrl-C',
    usage: '[--mount DIR] [--json]',
    options: { mount, json },
    help: `${mountHelp}
  --json              one JSON object per line, as debug/cxl/events has them

On a terminal the last line shows how many events there are and how many in a second.`,
    load: async () => (await import('./watch.ts')).watch,
  },
  check: {
    summary: "explore every interleaving of readers, events and a card's life, with a driver of yours or without",
    usage:
      '[DRIVER] [--quick] [--scenario NAME] [--depth N] [--time S] [--seed N] [--replay FILE] [--out FILE] [--list] [--json]',
    options: {
      quick: { type: 'boolean' },
      scenario: { type: 'string' },
      depth: { type: 'string' },
      time: { type: 'string' },
      seed: { type: 'string' },
      replay: { type: 'string' },
      out: { type: 'string' },
      list: { type: 'boolean' },
      json,
    },
    takesFile: true,
    help: `  DRIVER              the file of a driver, as a config names it; without it afukit itself is checked
  --quick             a part of each scenario, in seconds
  --scenario NAME     that one only
  --depth N           at most N steps in a row, and then all that are so short
  --time S            at most S seconds for each scenario
  --seed N            tries steps in another order for each N
  --replay FILE       runs the steps of FILE again, instead
  --out FILE          where the steps that lead to a violation are written
                      (default: afukit-check-SCENARIO.json in the current directory)
  --list              the scenarios, and what each is about
  --json              one JSON object per scenario instead of text

The exit status is 1 when a violation was found.`,
    load: async () => (await import('./check.ts')).check,
  },
};

const helpOption = { help: { type: 'boolean', short: 'h' } } as const;

function overview(): string {
  const width = Math.max(...Object.keys(verbs).map(name => name.length));
  const list = Object.entries(verbs).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: afukit VERB [OPTION...]

CAPI accelerators (the Linux cxl driver's device files) in user space.

${list.join('\n')}

afukit VERB --help says more of one; afukit --version prints the version.
`;
}

/** Runs one command line and returns the exit status. */
async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const out = name === undefined ? process.stderr : process.stdout;
    out.write(overview());
    return name === undefined ? USER_ERROR_STATUS : 0;
  }
  if (name === '--version' || name === '-V') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (!verb) throw new UserError(`unknown verb "${name}"; there are ${Object.keys(verbs).join(', ')} (afukit --help)`);
  const { values, positionals } = parse(name, verb, args);
  if (values['help'] === true) {
    const help = typeof verb.help === 'string' ? verb.help : await verb.help();
    process.stdout.write(`Usage: afukit ${name} ${verb.usage}\n\n${capitalised(verb.summary)}.\n\n${help}\n`);
    return 0;
  }
  const run = await verb.load();
  return run({ values: values as Readonly<Record<string, string | boolean | undefined>>, rest: positionals });
}

function parse(name: string, verb: Verb, args: readonly string[]): ReturnType<typeof parseArgs> {
  // A program's own options are its own, with or without "--" in front of it.
  const end = verb.takesRest ? endOfOptions(verb, args) : args.length;
  const rest = args.slice(end);
  try {
    const options = { ...verb.options, ...helpOption };
    const parsed = parseArgs({ args: args.slice(0, end), options, allowPositionals: verb.takesFile === true });
    if (verb.takesFile) return parsed;
    return { ...parsed, positionals: rest[0] === '--' ? rest.slice(1) : rest };
  } catch (error) {
    throw new UserError(`${(error as Error).message.replace(/\. .*/s, '')} (afukit ${name} --help)`);
  }
}

/** Where the first argument stands that is neither an option nor an option's value. */
function endOfOptions(verb: Verb, args: readonly string[]): number {
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]!;
    if (argument === '--' || !argument.startsWith('-')) return i;
    const option = Object.entries(verb.options).find(
      ([long, { short }]) => argument === `--${long}` || argument === `-${short ?? ''}`,
    );
    if (option?.[1].type === 'string') i++;
  }
  return args.length;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // What a user can mend is one line; anything else is ours, and its stack is wanted.
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`afukit: ${error.message}\n`);
  process.exitCode = USER_ERROR_STATUS;
}
