import { bitNames } from './tables.ts';

/** Generation of the Power Service Layer: 8 on POWER8 (CAIA 1), 9 on POWER9 (CAIA 2). */
export type Psl = 8 | 9;

/**
 * Bits of the DSISR register on PSL8, as in the `dsisr` of a data storage event. drivers/misc/cxl/cxl.h
 *
 * M to K are valid only while DS is 0.
 */
export const CxlPslDsisr = {
  /** Segment not found. */
  CXL_PSL_DSISR_An_DS: 0x8000_0000_0000_0000n,
  /** Page not found (see M) or not allowed (see P). */
  CXL_PSL_DSISR_An_DM: 0x4000_0000_0000_0000n,
  /** The segment table itself has no page. */
  CXL_PSL_DSISR_An_ST: 0x2000_0000_0000_0000n,
  /** The AFU utilization record has no page. */
  CXL_PSL_DSISR_An_UR: 0x1000_0000_0000_0000n,
  /** PSL error, of the implementation's own. */
  CXL_PSL_DSISR_An_PE: 0x0800_0000_0000_0000n,
  /** AFU error. */
  CXL_PSL_DSISR_An_AE: 0x0400_0000_0000_0000n,
  /** Operating system context warning. */
  CXL_PSL_DSISR_An_OC: 0x0200_0000_0000_0000n,
  /** No page table entry. */
  CXL_PSL_DSISR_An_M: 0x4000_0000n,
  /** Storage protection. */
  CXL_PSL_DSISR_An_P: 0x0800_0000n,
  /** An AFU lock on memory that is write-through or not cached. */
  CXL_PSL_DSISR_An_A: 0x0400_0000n,
  /** The access was a store. */
  CXL_PSL_DSISR_An_S: 0x0200_0000n,
  /** Key protection. */
  CXL_PSL_DSISR_An_K: 0x0020_0000n,
} as const;

/** Bits of the DSISR register on PSL9. The low byte is not bits but one code: {@link CxlPsl9DsisrStatus}. */
export const CxlPsl9Dsisr = {
  /** Translation fault; the low byte says which. */
  CXL_PSL9_DSISR_An_TF: 0x1000_0000_0000_0000n,
  /** PSL error, of the implementation's own. */
  CXL_PSL9_DSISR_An_PE: 0x0800_0000_0000_0000n,
  /** AFU error. */
  CXL_PSL9_DSISR_An_AE: 0x0400_0000_0000_0000n,
  /** Operating system context warning. */
  CXL_PSL9_DSISR_An_OC: 0x0200_0000_0000_0000n,
  /** The access was a store. */
  CXL_PSL9_DSISR_An_S: 0x0200_0000n,
} as const;

/** The mask of {@link CxlPsl9DsisrStatus} in the register. */
export const CXL_PSL9_DSISR_An_CO_MASK = 0xffn;

/** Why a PSL9 translation failed: the low byte of DSISR, valid only while TF is 1. One code, not an or of bits. */
export const CxlPsl9DsisrStatus = {
  /** Segment fault. */
  CXL_PSL9_DSISR_An_SF: 0x80n,
  /** No entry, single level radix. */
  CXL_PSL9_DSISR_An_PF_SLR: 0x88n,
  /** No entry, radix guest, child. */
  CXL_PSL9_DSISR_An_PF_RGC: 0x8cn,
  /** No entry, radix guest, parent. */
  CXL_PSL9_DSISR_An_PF_RGP: 0x90n,
  /** No entry, hash or radix host. */
  CXL_PSL9_DSISR_An_PF_HRH: 0x94n,
  /** No entry for a segment table entry group's address. */
  CXL_PSL9_DSISR_An_PF_STEG: 0x9cn,
  /** Radix tree configuration not supported. */
  CXL_PSL9_DSISR_An_URTCH: 0xb4n,
} as const;

/** What the driver answers to a fault: bits of the TFC register. drivers/misc/cxl/cxl.h */
export const CxlPslTfc = {
  /** Acknowledge what is no translation fault. */
  CXL_PSL_TFC_An_A: 0x8_0000_0000n,
  /** Continue: abort the transaction. */
  CXL_PSL_TFC_An_C: 0x4_0000_0000n,
  /** Restart with an address error: the fault could not be resolved. */
  CXL_PSL_TFC_An_AE: 0x2_0000_0000n,
  /** Restart the transaction: the fault is resolved. */
  CXL_PSL_TFC_An_R: 0x1_0000_0000n,
} as const;

/* `CXL_PSL_DSISR_An_DS` is `DS`, as in the kernel's trace. */
function shortName(name: string): string {
  return name.replace(/^CXL_PSL9?_[A-Z]+_An_/, '');
}

function shortBitNames(table: Readonly<Record<string, bigint>>, value: bigint): string[] {
  return bitNames(table, value).map(shortName);
}

function psl9Status(value: bigint): string {
  const code = value & CXL_PSL9_DSISR_An_CO_MASK;
  const name = Object.entries(CxlPsl9DsisrStatus).find(([, status]) => status === code)?.[0];
  return name === undefined ? `status 0x${code.toString(16)}` : shortName(name);
}

/**
 * A DSISR value in short names, most significant first: on PSL8 `['DM', 'P', 'S']`, on PSL9 `['TF', 'S', 'PF_SLR']`.
 *
 * Unnamed bits follow the named ones, together, in hex; the PSL9 status comes last. What the hardware leaves undefined is
 * left out: the low word on PSL8 while DS is set, the low byte on PSL9 while TF is clear.
 *
 * @param value the register, 0 to 2^64 - 1.
 */
export function dsisrNames(value: bigint, psl: Psl): string[] {
  if (psl === 8) {
    const undefinedBits = (value & CxlPslDsisr.CXL_PSL_DSISR_An_DS) === 0n ? 0n : 0xffff_ffffn;
    return shortBitNames(CxlPslDsisr, value & ~undefinedBits);
  }
  const status = (value & CxlPsl9Dsisr.CXL_PSL9_DSISR_An_TF) === 0n ? [] : [psl9Status(value)];
  return [...shortBitNames(CxlPsl9Dsisr, value & ~CXL_PSL9_DSISR_An_CO_MASK), ...status];
}

/** A TFC value in short names, such as `['R']`; unnamed bits last, together, in hex. */
export function tfcNames(value: bigint): string[] {
  return shortBitNames(CxlPslTfc, value);
}
