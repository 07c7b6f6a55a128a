// What the operations share: the session's state, and how a handler's request is run to its one answer.
import { constants } from 'node:os';

import { errnoOf, thrownText } from './errors.ts';
import { Handles } from './handles.ts';
import { Inodes } from './inodes.ts';
import { Link } from './link.ts';
import type { AnyRequest } from './requests.ts';
import type { DirectoryNode, FileNode, OpenFile, SessionOptions, Transport } from './types.ts';

const { EIO } = constants.errno;

export class Server {
  readonly link: Link;
  readonly inodes: Inodes;
  readonly handles: Handles = new Handles();
  readonly entryTimeout: number;
  readonly attributeTimeout: number;
  /** Every node's atime, mtime and ctime: milliseconds since 1970. */
  readonly started: number = Date.now();
  /** The minor that both sides speak; 0 before INIT. */
  minor = 0;
  /** Whether the kernel does FUSE_PASSTHROUGH. */
  passthrough = false;
  #warnedOfBacking = false;
  /** Called once INIT is settled: with the reason when this kernel cannot be served. */
  readonly settled: (refusal?: Error) => void;

  constructor(transport: Transport, root: DirectoryNode, options: SessionOptions, settled: (refusal?: Error) => void) {
    this.link = new Link(transport, options);
    this.inodes = new Inodes(root);
    this.entryTimeout = options.entryTimeout ?? 0;
    this.attributeTimeout = options.attributeTimeout ?? 0;
    this.settled = settled;
  }

  /** The id of the file that mmap maps, or 0 where there can be none: then the file opens without. */
  registerBacking(node: FileNode, { backing }: OpenFile, name: string): number {
    if (!backing) return 0;
    try {
      if (!node.mappable) throw new Error('its node is not mappable');
      if (!this.passthrough) throw new Error('the kernel has no FUSE_PASSTHROUGH (Linux 6.9)');
      return this.link.openBacking(backing.fd);
    } catch (error) {
      if (!this.#warnedOfBacking) this.link.warn(`OPEN of "${name}": mmap will be ENODEV: ${messageOf(error)}`);
      this.#warnedOfBacking = true;
      return 0;
    }
  }

  /** Calls the open file's handler and sees to it that the request ends in exactly one answer. */
  run(request: AnyRequest, file: OpenFile): void {
    let result: void | Promise<void>;
    try {
      result = request.invoke(file);
    } catch (error) {
      threw(request, error);
      return;
    }
    if (result === undefined) {
      checkAnswered(request);
      return;
    }
    request.wait();
    // The two handlers cannot throw, so the promise that `then` returns never rejects.
    void Promise.resolve(result).then(
      () => checkAnswered(request),
      (error: unknown) => threw(request, error),
    );
  }
}

function checkAnswered(request: AnyRequest): void {
  if (request.answered || request.parked) return;
  request.complain('the handler neither answered, parked, threw nor returned a promise that does; EIO is answered');
  request.fail(EIO);
}

function threw(request: AnyRequest, error: unknown): void {
  // After an interrupt or the end a rejection is the handler's normal way out.
  if (request.gone) return;
  const errno = errnoOf(error);
  if (request.answered) {
    request.complain(`threw after its answer: ${describe(error)}`);
  } else if (errno === undefined) {
    request.complain(`threw ${describe(error)}; EIO is answered`);
    request.fail(EIO);
  } else {
    request.fail(errno);
  }
}

/** One line: koffi's reason for not loading goes on for many. */
function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : thrownText(error)).split('\n', 1)[0] ?? '';
}

/** The stack when there is one: the fault is in a handler, and its author wants to know where. */
export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : thrownText(error);
}
