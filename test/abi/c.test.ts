/* Sizes, offsets and numbers against a C compiler: our own declarations anywhere, the kernel's header where there is one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as abi from '../../src/abi/index.ts';
import { evaluateC, noCompiler, noHeader } from './cprogram.ts';

/* The structs of the fact sheet, sections 2 and 3, for machines whose headers have no misc/cxl.h. */
const ownDeclarations = `
#include <stdint.h>
struct cxl_ioctl_start_work {
  uint64_t flags, work_element_descriptor, amr;
  int16_t num_interrupts;
  uint16_t tid;
  int32_t reserved1;
  uint64_t reserved2, reserved3, reserved4, reserved5;
};
struct cxl_afu_id {
  uint64_t flags;
  uint32_t card_id, afu_offset, afu_mode, reserved1;
  uint64_t reserved2, reserved3, reserved4, reserved5, reserved6;
};
struct cxl_adapter_image {
  uint64_t flags, data, len_data, len_image, reserved1, reserved2, reserved3, reserved4;
};
struct cxl_event_header { uint16_t type, size, process_element, reserved1; };
struct cxl_event_afu_interrupt { uint16_t flags, irq; uint32_t reserved1; };
struct cxl_event_data_storage { uint16_t flags, reserved1; uint32_t reserved2; uint64_t addr, dsisr, reserved3; };
struct cxl_event_afu_error { uint16_t flags, reserved1; uint32_t reserved2; uint64_t error; };
struct cxl_event_afu_driver_reserved { uint32_t data_size; uint8_t data[]; };
struct cxl_event {
  struct cxl_event_header header;
  union {
    struct cxl_event_afu_interrupt irq;
    struct cxl_event_data_storage fault;
    struct cxl_event_afu_error afu_error;
    struct cxl_event_afu_driver_reserved afu_driver_event;
  };
};
`;
const kernelHeader = '#include <misc/cxl.h>';

const cName = (camel: string): string => camel.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);

/** What C must say of a layout: each field's offset and width, and whether it is signed. */
function layoutExpectations(struct: string, layout: abi.Layout, prefix = ''): [string, bigint][] {
  const widths = { u16: 2n, s16: 2n, u32: 4n, s32: 4n, u64: 8n } as const;
  return Object.entries(layout).flatMap(([field, { offset, type }]): [string, bigint][] => {
    const member = prefix + cName(field);
    const value = `((struct ${struct} *)0)->${member}`;
    return [
      [`offsetof(struct ${struct}, ${member})`, BigInt(offset)],
      [`sizeof(${value})`, widths[type]],
      [`(__typeof__(${value}))-1 < (__typeof__(${value}))1`, type.startsWith('s') ? 1n : 0n],
    ];
  });
}

const structExpectations: readonly [string, bigint][] = [
  ['sizeof(struct cxl_ioctl_start_work)', BigInt(abi.START_WORK_SIZE)],
  ...layoutExpectations('cxl_ioctl_start_work', abi.startWorkLayout),
  ['sizeof(struct cxl_afu_id)', BigInt(abi.AFU_ID_SIZE)],
  ...layoutExpectations('cxl_afu_id', abi.afuIdLayout),
  ['sizeof(struct cxl_adapter_image)', BigInt(abi.ADAPTER_IMAGE_SIZE)],
  ...layoutExpectations('cxl_adapter_image', abi.adapterImageLayout),
  ['sizeof(struct cxl_event_header)', BigInt(abi.EVENT_HEADER_SIZE)],
  ...layoutExpectations('cxl_event', abi.eventHeaderLayout, 'header.'),
  ['sizeof(struct cxl_event_header) + sizeof(struct cxl_event_afu_interrupt)', BigInt(abi.AFU_INTERRUPT_EVENT_SIZE)],
  ...layoutExpectations('cxl_event', abi.afuInterruptLayout, 'irq.'),
  ['sizeof(struct cxl_event_header) + sizeof(struct cxl_event_data_storage)', BigInt(abi.DATA_STORAGE_EVENT_SIZE)],
  ...layoutExpectations('cxl_event', abi.dataStorageLayout, 'fault.'),
  ['sizeof(struct cxl_event_header) + sizeof(struct cxl_event_afu_error)', BigInt(abi.AFU_ERROR_EVENT_SIZE)],
  ...layoutExpectations('cxl_event', abi.afuErrorLayout, 'afu_error.'),
  ['sizeof(struct cxl_event)', BigInt(abi.DATA_STORAGE_EVENT_SIZE)],
  ['offsetof(struct cxl_event_afu_driver_reserved, data)', BigInt(abi.AFU_DRIVER_RESERVED_HEADER_SIZE)],
];

/* Every exported CXL_ constant that misc/cxl.h defines; the DSISR and TFC bits are in the driver's private header. */
const constantExpectations: readonly [string, bigint][] = Object.entries<unknown>({ ...abi }).flatMap(
  ([name, value]): [string, bigint][] => {
    if (!name.startsWith('CXL_') || name.includes('_DSISR_') || name.startsWith('CXL_IOCTL_')) return [];
    return typeof value === 'number' || typeof value === 'bigint' ? [[name, BigInt(value)]] : [];
  },
);

function ioctlExpectations(): [string, bigint][] {
  const table = process.arch === 'ppc64' ? abi.CxlIoctlPowerpc : abi.CxlIoctl;
  return Object.entries(table).map(([name, cmd]) => [name, BigInt(cmd)]);
}

function check(prologue: string, expected: readonly [string, bigint][]): void {
  const said = evaluateC(
    prologue,
    expected.map(([expression]) => expression),
  );
  assert.deepEqual(Object.fromEntries(said), Object.fromEntries(expected));
}

const generic = ['x64', 'ia32', 'arm64', 'arm', 'riscv64', 's390x', 'loong64', 'ppc64'].includes(process.arch);
const notLinux = process.platform === 'linux' && generic ? undefined : 'ioctl numbers of another system';
const compiler = noCompiler();

describe('abi and C', () => {
  it('sizes and offsets are those of our own C declarations', { skip: compiler ?? false }, () => {
    check(ownDeclarations, structExpectations);
  });

  it('ioctl numbers are those that _IOW and _IOR make', { skip: compiler ?? notLinux ?? false }, () => {
    const argument = {
      CXL_IOCTL_START_WORK: '_IOW(0xCA, 0x00, struct cxl_ioctl_start_work)',
      CXL_IOCTL_GET_PROCESS_ELEMENT: '_IOR(0xCA, 0x01, uint32_t)',
      CXL_IOCTL_GET_AFU_ID: '_IOR(0xCA, 0x02, struct cxl_afu_id)',
      CXL_IOCTL_DOWNLOAD_IMAGE: '_IOW(0xCA, 0x0A, struct cxl_adapter_image)',
      CXL_IOCTL_VALIDATE_IMAGE: '_IOW(0xCA, 0x0B, struct cxl_adapter_image)',
    };
    const defines = Object.entries(argument).map(([name, macro]) => `#define ${name} ${macro}`);
    check(`#include <sys/ioctl.h>\n${ownDeclarations}${defines.join('\n')}`, ioctlExpectations());
  });

  const noKernelHeader = compiler ?? noHeader('misc/cxl.h');
  it("sizes and offsets are those of the kernel's misc/cxl.h", { skip: noKernelHeader ?? false }, () => {
    check(kernelHeader, structExpectations);
  });

  it("constants and ioctl numbers are those of the kernel's misc/cxl.h", { skip: noKernelHeader ?? false }, () => {
    assert.ok(constantExpectations.length >= 20, `${constantExpectations.length} constants`);
    check(kernelHeader, [...constantExpectations, ...ioctlExpectations()]);
  });

  const noAsm = compiler ?? noHeader('asm-generic/fcntl.h');
  it('errno and poll values are those of the kernel headers', { skip: noAsm ?? notLinux ?? false }, () => {
    const values = Object.entries({ ...abi.Errno, ...abi.PollBits });
    check(
      '#include <asm-generic/errno.h>\n#include <asm-generic/poll.h>',
      values.map(([name, value]) => [name, BigInt(value)]),
    );
  });

  it('open flags are those of the kernel headers', { skip: noAsm ?? notLinux ?? false }, () => {
    const { O_RDONLY, O_ACCMODE, O_SYNC } = abi;
    const values = Object.entries({ ...abi.OpenFlags, O_RDONLY, O_ACCMODE, O_SYNC });
    check(
      '#include <asm-generic/fcntl.h>',
      values.map(([name, value]) => [name, BigInt(value)]),
    );
    const powerpc = Object.entries(abi.powerpcOpenFlags).map(([name, value]): [string, bigint] => [
      name,
      BigInt(value),
    ]);
    if (process.arch === 'ppc64') check('#include <asm/fcntl.h>', powerpc);
  });
});
