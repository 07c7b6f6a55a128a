/** The registers and memory that an AFU shows to programs: its problem state area. C original: `ps_size`, `pp_offset`, `pp_size`. */
export interface ProblemState {
  /** Bytes of the whole area: a multiple of 65536. */
  readonly size: number;
  /**
   * Each slave context's own window: process element N has `size` bytes (a multiple of 4096) at `offset + N * size`.
   * Default: every context sees the whole area.
   */
  readonly perProcess?: { readonly offset: number; readonly size: number } | undefined;
}

const AREA_UNIT = 65_536;
const PAGE = 4096;
/** Larger than the area of any card, and small enough for a typed array. */
const LARGEST_AREA = 2 ** 32;

/**
 * Checks what an AFU's descriptor says of its problem state area.
 * @throws RangeError for a number that is out of range, or windows that do not fit the area
 * C original: `cxl_afu_descriptor_looks_ok` (drivers/misc/cxl/pci.c).
 */
export function checkProblemState(name: string, area: ProblemState, processes: number): ProblemState {
  const { size, perProcess } = area;
  if (!whole(size, AREA_UNIT) || size === 0 || size > LARGEST_AREA) {
    throw new RangeError(
      `${name}: problemState.size must be a multiple of ${AREA_UNIT} up to 2^32, not ${String(size)}`,
    );
  }
  if (!perProcess) return area;
  if (!whole(perProcess.offset, PAGE) || !whole(perProcess.size, PAGE) || perProcess.size === 0) {
    throw new RangeError(
      `${name}: problemState.perProcess must have an offset and a size that are multiples of ${PAGE}`,
    );
  }
  const end = perProcess.offset + perProcess.size * processes;
  if (end > size) {
    throw new RangeError(
      `${name}: ${processes} windows of ${perProcess.size} bytes end at ${end}, beyond the area's ${size}`,
    );
  }
  return area;
}

function whole(value: number, unit: number): boolean {
  return Number.isInteger(value) && value >= 0 && value % unit === 0;
}

/** The part of the problem state area that one context sees. */
export interface Window {
  /** Where it begins in the area, in bytes. */
  readonly offset: number;
  /** Bytes; 0 when the AFU has no problem state area. */
  readonly size: number;
}

const NO_WINDOW: Window = { offset: 0, size: 0 };

/** C original: `cxl_assign_psn_space` (drivers/misc/cxl/main.c). */
export function windowOf(area: ProblemState | undefined, slave: boolean, pe: number): Window {
  if (!area) return NO_WINDOW;
  const { size, perProcess } = area;
  if (!slave || !perProcess) return { offset: 0, size };
  return { offset: perProcess.offset + perProcess.size * pe, size: perProcess.size };
}

/** Where the bytes of one context's window are: in this process only, or where a program maps them too. */
export interface WindowMemory {
  /** The work begins: the window's bytes, `window.size` of them, aligned to 8. */
  begin(window: Window): Uint8Array;
  /**
   * The work is over: whoever still has the window mapped gets SIGBUS at the next access, or with `allOnes` finds
   * all-ones. What `begin` returned is not touched any more.
   */
  end(allOnes: boolean): void;
}

/** An AFU's area in this process, made when the first window is opened: a master's window holds those of the slaves. */
export class LocalArea {
  readonly #size: number;
  #bytes: Uint8Array | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  /** The memory of one context. */
  window(): WindowMemory {
    return {
      begin: ({ offset, size }) => {
        this.#bytes ??= new Uint8Array(this.#size);
        const bytes = this.#bytes.subarray(offset, offset + size);
        // A process element's window is its own, so it begins empty; the whole area is shared and does not.
        if (size < this.#size) bytes.fill(0);
        return bytes;
      },
      end: () => {},
    };
  }
}
