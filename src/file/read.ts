import { CXL_READ_MIN_SIZE } from '../abi/index.ts';
import { CxlError, type Context } from '../core/index.ts';

/**
 * The part of read(2) that all doors share: takes what is pending into `bytes` at `offset` and returns its size, which
 * the caller then commits or puts back; 0 when there is nothing yet and the caller sleeps or says EAGAIN.
 *
 * @param size what the reader asked for, in bytes
 * @param most events at the most; default: the AFU's `eventsPerRead`
 * @throws CxlError EIO while the link is down, even if events are queued, and when the context is CLOSED and drained;
 * EINVAL when `size` is below {@link CXL_READ_MIN_SIZE}
 * C original: `afu_read` (drivers/misc/cxl/file.c).
 */
export function takeForRead(context: Context, bytes: Uint8Array, offset: number, size: number, most?: number): number {
  if (size < CXL_READ_MIN_SIZE || !context.afu.adapter.linkUp) throw refusal(context, size);
  const taken = context.take(bytes, offset, size, most);
  if (taken === 0 && context.status === 'CLOSED') throw new CxlError('EIO', 'read', `${context.name} is CLOSED`);
  return taken;
}

function refusal({ afu }: Context, size: number): CxlError {
  if (!afu.adapter.linkUp) return new CxlError('EIO', 'read', `${afu.adapter.name} has no link`);
  return new CxlError('EINVAL', 'read', `${size} bytes, not at least ${CXL_READ_MIN_SIZE}`);
}
