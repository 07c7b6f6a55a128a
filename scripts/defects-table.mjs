// What scripts/defects.mjs sows: single mistakes, each of which a reviewer might overlook.

/**
 * @typedef {object} Defect
 * @property {string} name
 * @property {string} file below src
 * @property {string} find occurs exactly once in the file
 * @property {string} replace
 * @property {string} what one line: what is wrong then
 * @property {string} [scenario] where the quick check finds it; absent: it does not, and is asked with --whole only
 * @property {string} test the test file that must fail, below test and without its ending
 */

/** @type {readonly Defect[]} */
export const defects = [
  // ---- waking ------------------------------------------------------------------------------------------------------
  {
    name: 'raise-wakes-nobody',
    file: 'core/context.ts',
    find: `
    // Also when it coalesces, as the kernel does: edge-triggered epoll counts wake-ups.
    this.#section.wakeAll();`,
    replace: '',
    what: 'an interrupt wakes nobody',
    scenario: 'wake-up',
    test: 'core/c2-no-missed-wakeup',
  },
  {
    name: 'wake-before-raise',
    file: 'core/context.ts',
    find: `    this.#events.raiseInterrupt(irq);
    // Also when it coalesces, as the kernel does: edge-triggered epoll counts wake-ups.
    this.#section.wakeAll();`,
    replace: `    this.#section.wakeAll();
    this.#events.raiseInterrupt(irq);`,
    what: 'an interrupt wakes before it is pending',
    scenario: 'file',
    test: 'core/c2-no-missed-wakeup',
  },
  {
    name: 'coalesced-wakes-nobody',
    file: 'core/context.ts',
    find: `    this.#events.raiseInterrupt(irq);
    // Also when it coalesces, as the kernel does: edge-triggered epoll counts wake-ups.
    this.#section.wakeAll();`,
    replace: `    const { coalesced } = this.counters;
    this.#events.raiseInterrupt(irq);
    if (this.counters.coalesced === coalesced) this.#section.wakeAll();`,
    what: 'an interrupt that finds its like unread wakes nobody, which edge-triggered epoll does not survive',
    scenario: 'edge',
    test: 'core/c2-no-missed-wakeup',
  },
  {
    name: 'wake-first-waiter-only',
    file: 'core/wait-queue.ts',
    find: `        waiter.wake();
`,
    replace: `        waiter.wake();
        break;
`,
    what: 'a wake-up reaches the first waiter only',
    scenario: 'wake-up',
    test: 'core/c2-no-missed-wakeup',
  },
  {
    name: 'failed-waiter-ends-wake',
    file: 'core/wait-queue.ts',
    find: '        failure ??= { error };',
    replace: `        failure ??= { error };
        break;`,
    what: 'a waiter that fails leaves those behind it asleep',
    test: 'core/c2-no-missed-wakeup',
  },
  {
    name: 'post-of-none-wakes-nobody',
    file: 'core/context.ts',
    find: 'if (source === null || this.#drained || !source.announce(count)) return;',
    replace: 'if (source === null || this.#drained || !source.announce(count) || count === 0) return;',
    what: 'a post of 0 events wakes nobody, and with the pull form every post is one',
    scenario: 'batch',
    test: 'core/driver-ops',
  },
  {
    name: 'put-back-wakes-nobody',
    file: 'core/context.ts',
    find: `      this.#events.putBack(bytes);
      this.#section.wakeAll();`,
    replace: '      this.#events.putBack(bytes);',
    what: 'an event that comes back from a failed copy wakes nobody',
    scenario: 'edge',
    test: 'core/c2-no-missed-wakeup',
  },
  {
    name: 'detach-wakes-nobody',
    file: 'core/context.ts',
    find: `      this.#freeInterrupts();
      this.wake();`,
    replace: '      this.#freeInterrupts();',
    what: 'detach wakes nobody',
    scenario: 'wake-up',
    test: 'core/c5-drain-then-error',
  },
  {
    name: 'link-loss-wakes-nobody',
    file: 'core/adapter.ts',
    find: `
    for (const afu of this.afus) for (const context of afu.contexts.values()) context.wake();`,
    replace: '',
    what: 'link loss does not wake those whose context was detached before',
    test: 'core/c2-no-missed-wakeup',
  },
  {
    name: 'deferred-wake-lost',
    file: 'core/atomic-section.ts',
    find: `    if (this.#locked) this.#wake = true;
    else if (!this.waiters.empty) this.#wakeNow();`,
    replace: '    if (!this.#locked && !this.waiters.empty) this.#wakeNow();',
    what: 'a wake-up inside the atomic section is lost',
    scenario: 'edge',
    test: 'core/c2-no-missed-wakeup',
  },
  {
    name: 'deferred-raise-lost',
    file: 'core/atomic-section.ts',
    find: 'if (this.#locked) (this.#later ??= []).push(action);',
    replace: 'if (this.#locked) this.#later = [action];',
    what: 'of several events raised inside the atomic section the last one alone is kept',
    scenario: 'rogue-fetch',
    test: 'core/c7-reentrance',
  },
  {
    name: 'new-ops-keep-count',
    file: 'core/context.ts',
    find: `    this.#lock('setDriverOps');`,
    replace: `    if (ops === this.driverOps) return;
    this.#lock('setDriverOps');`,
    what: 'the count of announced events is not reset when the same ops are set anew',
    test: 'core/driver-ops',
  },

  // ---- what is pending, and in which order -------------------------------------------------------------------------
  {
    name: 'pending-forgets-fault',
    file: 'core/generic-events.ts',
    find: 'return this.#pendingInterrupts !== 0 || this.#fault || this.#error;',
    replace: 'return this.#pendingInterrupts !== 0 || this.#error;',
    what: 'poll does not see a fault',
    scenario: 'as-the-kernel',
    test: 'core/c1-no-false-ready',
  },
  {
    name: 'pending-forgets-error',
    file: 'core/generic-events.ts',
    find: 'return this.#pendingInterrupts !== 0 || this.#fault || this.#error;',
    replace: 'return this.#pendingInterrupts !== 0 || this.#fault;',
    what: 'poll does not see an AFU error',
    scenario: 'edge',
    test: 'core/c1-no-false-ready',
  },
  {
    name: 'highest-interrupt-first',
    file: 'core/generic-events.ts',
    find: 'return (index << 5) + 32 - Math.clz32(word & -word);',
    replace: 'return (index << 5) + 32 - Math.clz32(word);',
    what: 'interrupts are delivered highest first within a word of the bitmap',
    scenario: 'wake-all',
    test: 'core/c3-order',
  },
  {
    name: 'word-for-interrupt-33',
    file: 'core/generic-events.ts',
    find: 'new Uint32Array((count + 31) >>> 5)',
    replace: 'new Uint32Array((count + 30) >>> 5)',
    what: 'of 33 interrupts the last has no word in the bitmap',
    test: 'core/c3-order',
  },
  {
    name: 'word-of-interrupt-32',
    file: 'core/generic-events.ts',
    find: 'const word = (irq - 1) >>> 5;',
    replace: 'const word = irq >>> 5;',
    what: 'interrupt 32 is kept in the wrong word of the bitmap',
    test: 'core/c3-order',
  },
  {
    name: 'newest-error-wins',
    file: 'core/generic-events.ts',
    find: `    if (this.#error) return false;
`,
    replace: '',
    what: 'the newest AFU error wins',
    scenario: 'order',
    test: 'core/c3-order',
  },
  {
    name: 'first-fault-wins',
    file: 'core/generic-events.ts',
    find: 'const first = !this.#fault;',
    replace: `const first = !this.#fault;
    if (!first) return false;`,
    what: 'the first fault wins',
    scenario: 'order',
    test: 'core/c3-order',
  },
  {
    name: 'smaller-event-overtakes',
    file: 'core/pending-events.ts',
    find: 'if (size === 0) return this.#takeGeneric(bytes, offset, room);',
    replace: 'if (size <= 0) return this.#takeGeneric(bytes, offset, room);',
    what: 'an event of lower priority overtakes one that does not fit',
    scenario: 'large-fetch',
    test: 'core/c8-whole-events',
  },
  {
    name: 'batch-of-one-more',
    file: 'core/pending-events.ts',
    find: 'while (this.#takenCount < most) {',
    replace: 'while (this.#takenCount <= most) {',
    what: 'a read returns one event more than eventsPerRead',
    scenario: 'batch',
    test: 'core/c8-whole-events',
  },
  {
    name: 'header-not-counted',
    file: 'core/fetch-source.ts',
    find: 'if (EVENT_HEADER_SIZE + dataSize > room) return TOO_LARGE;',
    replace: 'if (dataSize > room) return TOO_LARGE;',
    what: 'an event is written though its header does not fit the reader any more',
    test: 'core/c8-whole-events',
  },

  // ---- copies that fail --------------------------------------------------------------------------------------------
  {
    name: 'put-back-forgets-driver',
    file: 'core/pending-events.ts',
    find: `
    this.source?.putBack(bytes);`,
    replace: `
    void bytes;`,
    what: 'driver events that come back from a failed copy are forgotten',
    scenario: 'order',
    test: 'core/c4-nothing-lost',
  },
  {
    name: 'put-back-forgets-generic',
    file: 'core/pending-events.ts',
    find: 'for (const token of taken) if (token > DRIVER_EVENT) this.#generic.putBack(token);',
    replace: 'for (const token of taken) if (token > FAULT) this.#generic.putBack(token);',
    what: 'a fault or an AFU error that comes back is not noted as unread, so the next one is not told from it',
    scenario: 'order',
    test: 'core/c4-nothing-lost',
  },
  {
    name: 'put-back-behind',
    file: 'core/pending-events.ts',
    find: 'this.#kept = [...taken, ...this.#kept];',
    replace: 'this.#kept = [...this.#kept, ...taken];',
    what: 'what comes back is read after what came back before and was not read again',
    scenario: 'batch',
    test: 'core/c4-nothing-lost',
  },
  {
    name: 'put-back-in-reverse',
    file: 'core/poll-source.ts',
    find: 'this.#kept.unshift(new Uint8Array(bytes.subarray(offset, offset + this.#taken[i + 1]!)));',
    replace: 'this.#kept.push(new Uint8Array(bytes.subarray(offset, offset + this.#taken[i + 1]!)));',
    what: 'a batch of the pull form comes back in reverse',
    scenario: 'batch',
    test: 'core/c4-nothing-lost',
  },
  {
    name: 'put-back-by-reference',
    file: 'core/poll-source.ts',
    find: 'this.#kept.unshift(new Uint8Array(bytes.subarray(offset, offset + this.#taken[i + 1]!)));',
    replace: 'this.#kept.unshift(bytes.subarray(offset, offset + this.#taken[i + 1]!));',
    what: 'what comes back is kept in the memory of the reader, which uses it again',
    scenario: 'batch',
    test: 'core/c4-nothing-lost',
  },
  {
    name: 'cleared-before-copy',
    file: 'file/read.ts',
    find: 'const taken = context.take(bytes, offset, size, most);',
    replace: `const taken = context.take(bytes, offset, size, most);
  if (taken > 0) context.commit();`,
    what: 'an event leaves the context before its bytes have reached the reader',
    scenario: 'wake-up',
    test: 'devfs/refused',
  },
  {
    name: 'orphans-lost',
    file: 'core/poll-source.ts',
    find: `  override handOver(): Uint8Array[] {
    return this.#kept.splice(0);`,
    replace: `  override handOver(): Uint8Array[] {
    return [];`,
    what: 'new ops lose what the former driver had given away and no reader has',
    scenario: 'batch',
    test: 'core/m3-registration',
  },
  {
    name: 'count-down-twice',
    file: 'core/fetch-source.ts',
    find: `    const event = this.#events[0]!;
    this.#events[0] = null;`,
    replace: `    const event = this.#events[0]!;
    if (this.#announced > 0) this.#announced--;
    this.#events[0] = null;`,
    what: 'the count of announced events is taken down at the fetch and again at the delivery',
    scenario: 'driver-fetch',
    test: 'core/driver-ops',
  },
  {
    name: 'cancelled-as-delivered',
    file: 'core/fetch-source.ts',
    find: 'this.#decide(this.#end, -Errno.ECANCELED);',
    replace: 'this.#decide(this.#end, 0);',
    what: 'a driver is told that events were delivered which nobody read',
    scenario: 'driver-fetch',
    test: 'core/c4-delivered',
  },

  // ---- detach, link, life ------------------------------------------------------------------------------------------
  {
    name: 'drained-not-kept',
    file: 'core/context.ts',
    find: `    this.#drained = this.#status === 'CLOSED';
    return this.#drained;`,
    replace: `    return this.#status === 'CLOSED';`,
    what: 'after POLLERR and EIO a late event makes a context readable again',
    scenario: 'driver-fetch',
    test: 'core/m8-both-forms',
  },
  {
    name: 'error-before-drained',
    file: 'core/context.ts',
    find: 'if (this.#drained || !this.afu.adapter.linkUp) return POLLERR;',
    replace: `if (this.#status === 'CLOSED' || !this.afu.adapter.linkUp) return POLLERR;`,
    what: 'poll says POLLERR after detach while something is pending',
    scenario: 'wake-up',
    test: 'core/c5-drain-then-error',
  },
  {
    name: 'reader-sleeps-when-drained',
    file: 'file/read.ts',
    find: `  if (taken === 0 && context.status === 'CLOSED') throw new CxlError('EIO', 'read', \`\${context.name} is CLOSED\`);
`,
    replace: '',
    what: 'read of a context that is CLOSED and drained sleeps',
    scenario: 'wake-up',
    test: 'file/read-sync',
  },
  {
    name: 'read-without-link',
    file: 'file/read.ts',
    find: 'if (size < CXL_READ_MIN_SIZE || !context.afu.adapter.linkUp) throw',
    replace: 'if (size < CXL_READ_MIN_SIZE || context.afu.adapter.gone) throw',
    what: 'read gives events while the link is down, which poll denies',
    scenario: 'life',
    test: 'core/c5-drain-then-error',
  },
  {
    name: 'short-read-accepted',
    file: 'file/read.ts',
    find: 'if (size < CXL_READ_MIN_SIZE || ',
    replace: 'if (size < 8 || ',
    what: 'a read below 4096 bytes is accepted',
    scenario: 'order',
    test: 'file/read-sync',
  },
  {
    name: 'interrupts-leak',
    file: 'core/context.ts',
    find: `      this.#freeInterrupts();
      throw error;`,
    replace: '      throw error;',
    what: 'an attach that fails keeps its interrupts',
    test: 'core/context-start',
  },
  {
    name: 'ioctl-when-closed',
    file: 'file/ioctl.ts',
    find: `if (context.status === 'CLOSED') throw`,
    replace: 'if (context.released) throw',
    what: 'ioctl works on a context that was detached',
    scenario: 'life',
    test: 'file/ioctl',
  },
  {
    name: 'aborted-read-stays-queued',
    file: 'file/cxl-file.ts',
    find: `        wait.leave();
`,
    replace: '',
    what: 'a read that was aborted takes the next event with it',
    scenario: 'file',
    test: 'file/read-async',
  },

  // ---- the driver and its module -----------------------------------------------------------------------------------
  {
    name: 'module-not-put',
    file: 'core/context.ts',
    find: `
    source.owner.put(this);`,
    replace: '',
    what: 'the reference to the module of former ops is not put',
    scenario: 'modules',
    test: 'core/m4-modules',
  },
  {
    name: 'module-put-twice',
    file: 'core/context.ts',
    find: '    this.#letGo(former);',
    replace: `    this.#letGo(former);
    former?.owner.put(this);`,
    what: 'the reference to the module of former ops is put twice',
    scenario: 'modules',
    test: 'core/m4-modules',
  },
  {
    name: 'retired-module-taken',
    file: 'core/driver-module.ts',
    find: `if (this.#state !== 'live') return false;`,
    replace: `if (this.#state === 'gone') return false;`,
    what: 'a module that is being unloaded gets new users',
    scenario: 'modules',
    test: 'core/m4-modules',
  },
  {
    name: 'callback-after-release',
    file: 'core/context.ts',
    find: `    this.#letGo(this.#events.replaceSource(null));
    this.#events.close();
    this.afu.contextReleased(this);
    if (tracepoints.contextClose.active) tracepoints.contextClose.publish({ context: this });
    this.#releaseModule();`,
    replace: `    const source = this.#events.replaceSource(null);
    this.#events.close();
    this.afu.contextReleased(this);
    if (tracepoints.contextClose.active) tracepoints.contextClose.publish({ context: this });
    this.#releaseModule();
    this.#letGo(source);`,
    what: 'a driver is called after its release hook',
    scenario: 'modules',
    test: 'core/context-life',
  },
  {
    name: 'aside-for-ever',
    file: 'core/driver-source.ts',
    find: `    this.aside = false;
    return true;`,
    replace: '    return true;',
    what: 'a driver that was set aside is not asked again when it posts',
    scenario: 'rogue-fetch',
    test: 'core/m7-sections',
  },
  {
    name: 'failed-fetch-counted',
    file: 'core/fetch-source.ts',
    find: `    this.threw('fetchEvent', error);
    this.#announced++;`,
    replace: `    this.threw('fetchEvent', error);`,
    what: 'a fetchEvent that threw counts as one that fetched: its event is never asked for again',
    scenario: 'rogue-fetch',
    test: 'core/c7-contained',
  },
  {
    name: 're-entrance-unseen',
    file: 'core/context.ts',
    find: 'if (this.#section.locked) throw this.#deadlock(operation);',
    replace: `if (this.#section.locked && operation === 'setDriverOps') throw this.#deadlock(operation);`,
    what: 'a callback that polls or reads its own context is not found out',
    scenario: 'rogue-fetch',
    test: 'core/c7-reentrance',
  },
  {
    name: 'queue-one-place-short',
    file: 'driver/event-queue.ts',
    find: 'Math.log2(capacity + 1)',
    replace: 'Math.log2(capacity)',
    what: 'EventQueue: the ring is one place short, so that its last event overwrites its first',
    test: 'driver/queue-model',
  },
  {
    name: 'queue-drops-silently',
    file: 'driver/event-queue.ts',
    find: `    this.#forgotten++;
`,
    replace: '',
    what: 'EventQueue: what is forgotten when it is full is not said',
    test: 'driver/queue-model',
  },
  {
    name: 'queue-frees-early',
    file: 'driver/event-queue.ts',
    find: `          this.#announced--;
          return slot;`,
    replace: `          this.#announced--;
          if (slot) this.#giveBack(slot);
          return slot;`,
    what: 'EventQueue: a slot is free again while the core still has its event',
    scenario: 'driver-fetch',
    test: 'driver/event-queue',
  },
  {
    name: 'queue-not-copied',
    file: 'driver/event-queue.ts',
    find: '    this.data.set(payload);',
    replace: '    this.data = payload;',
    what: 'EventQueue: the payload is kept by reference',
    test: 'driver/event-queue',
  },

  // ---- the device file ---------------------------------------------------------------------------------------------
  {
    name: 'nonblock-ignored',
    file: 'devfs/context-handle.ts',
    find: 'if ((request.flags & O_NONBLOCK) !== 0) {',
    replace: 'if (request.flags === O_NONBLOCK) {',
    what: 'O_NONBLOCK is seen only without any other flag',
    test: 'devfs/context-handle',
  },
  {
    name: 'refused-as-delivered',
    file: 'devfs/context-handle.ts',
    find: `    if (request.reply(size)) this.#context.commit();
    else this.#context.putBack(buffer);`,
    replace: `    request.reply(size);
    this.#context.commit();`,
    what: 'an answer that the kernel refused counts as delivered',
    scenario: 'fuse-wake-all',
    test: 'devfs/refused',
  },
  {
    name: 'interrupted-read-stays-queued',
    file: 'devfs/context-handle.ts',
    find: 'request.park(() => waiter.leave());',
    replace: 'request.park(() => {});',
    what: 'a read that was interrupted stays in the queue, and takes an event for nobody',
    scenario: 'fuse-wake-up',
    test: 'devfs/context-handle',
  },
  {
    name: 'reader-not-queued-again',
    file: 'devfs/context-handle.ts',
    find: 'if (!this.#attempt()) this.#context.waiters.add(this);',
    replace: `void this.#context;
    this.#attempt();`,
    what: 'a reader whose event another one took is not woken again',
    scenario: 'fuse-wake-all',
    test: 'devfs/context-handle',
  },
  {
    name: 'poll-queued-late',
    file: 'devfs/context-handle.ts',
    find: `    this.#context.waiters.add(this.#pollWaiter);
    return this.#context.poll();`,
    replace: `    const mask = this.#context.poll();
    this.#context.waiters.add(this.#pollWaiter);
    return mask;`,
    what: 'poll takes its place in the queue after it has looked',
    test: 'devfs/context-handle',
  },
  {
    name: 'poll-queued-if-not-ready',
    file: 'devfs/context-handle.ts',
    find: `    this.#context.waiters.add(this.#pollWaiter);
    return this.#context.poll();`,
    replace: `    const mask = this.#context.poll();
    if (mask === 0) this.#context.waiters.add(this.#pollWaiter);
    return mask;`,
    what: 'a poll that says POLLIN is not told of the next event, as edge-triggered epoll needs',
    scenario: 'fuse-edge',
    test: 'devfs/context-handle',
  },
  {
    name: 'release-stays-queued',
    file: 'devfs/context-handle.ts',
    find: `    this.#pollWaiter.leave();
`,
    replace: '',
    what: 'the last close leaves its poll in the queue',
    test: 'devfs/context-handle',
  },

  // ---- the FUSE session --------------------------------------------------------------------------------------------
  {
    name: 'armed-from-the-start',
    file: 'fuse/handles.ts',
    find: '  #armed = false;',
    replace: '  #armed = true;',
    what: 'the kernel is notified though it never asked',
    scenario: 'fuse-wake-up',
    test: 'fuse/poll',
  },
  {
    name: 'armed-for-ever',
    file: 'fuse/handles.ts',
    find: `    this.#armed = false;
    return`,
    replace: '    return',
    what: 'the kernel is notified again and again though it asked once',
    scenario: 'fuse-wake-up',
    test: 'fuse/poll',
  },
  {
    name: 'armed-late',
    file: 'fuse/operations/file.ts',
    find: `  if (packet.u32(at + fuse_poll_in.flags) & FusePollFlag.FUSE_POLL_SCHEDULE_NOTIFY) {
    handle.arm(packet.high(at + fuse_poll_in.kh), packet.low(at + fuse_poll_in.kh));
  }
  const { file } = handle;
  const mask = file.poll ? file.poll(packet.u32(at + fuse_poll_in.events)) : DEFAULT_POLLMASK;`,
    replace: `  const { file } = handle;
  const mask = file.poll ? file.poll(packet.u32(at + fuse_poll_in.events)) : DEFAULT_POLLMASK;
  if (packet.u32(at + fuse_poll_in.flags) & FusePollFlag.FUSE_POLL_SCHEDULE_NOTIFY) {
    handle.arm(packet.high(at + fuse_poll_in.kh), packet.low(at + fuse_poll_in.kh));
  }`,
    what: 'a poll is armed after the file has looked: what comes in between is not notified',
    test: 'fuse/poll',
  },
  {
    name: 'armed-if-not-ready',
    file: 'fuse/operations/file.ts',
    find: `  if (packet.u32(at + fuse_poll_in.flags) & FusePollFlag.FUSE_POLL_SCHEDULE_NOTIFY) {
    handle.arm(packet.high(at + fuse_poll_in.kh), packet.low(at + fuse_poll_in.kh));
  }
  const { file } = handle;
  const mask = file.poll ? file.poll(packet.u32(at + fuse_poll_in.events)) : DEFAULT_POLLMASK;`,
    replace: `  const { file } = handle;
  const mask = file.poll ? file.poll(packet.u32(at + fuse_poll_in.events)) : DEFAULT_POLLMASK;
  if (mask === 0 && packet.u32(at + fuse_poll_in.flags) & FusePollFlag.FUSE_POLL_SCHEDULE_NOTIFY) {
    handle.arm(packet.high(at + fuse_poll_in.kh), packet.low(at + fuse_poll_in.kh));
  }`,
    what: 'a poll that finds the file ready is not armed, as edge-triggered epoll needs',
    scenario: 'fuse-edge',
    test: 'fuse/poll',
  },
  {
    name: 'notify-to-another',
    file: 'fuse/handles.ts',
    find: 'this.#link.notifyPoll(this.#khHigh, this.#khLow)',
    replace: 'this.#link.notifyPoll(this.#khLow, this.#khHigh)',
    what: 'the halves of the kernel’s poll handle are exchanged',
    scenario: 'fuse-wake-up',
    test: 'fuse/golden',
  },
  {
    name: 'eintr-swallowed',
    file: 'fuse/requests.ts',
    find: 'if (this.claim(State.gone)) this.link.refuse(this.uniqueHigh, this.uniqueLow, EINTR);',
    replace: 'if (this.claim(State.gone) && !this.#parked) this.link.refuse(this.uniqueHigh, this.uniqueLow, EINTR);',
    what: 'a parked read that is interrupted gets no answer',
    scenario: 'fuse-wake-up',
    test: 'fuse/requests',
  },
  {
    name: 'interrupt-without-cancel',
    file: 'fuse/requests.ts',
    find: `    if (this.#cancel) this.#call(this.#cancel);
    if (this.claim(State.gone))`,
    replace: '    if (this.claim(State.gone))',
    what: 'the handler of a parked read does not hear of its interruption',
    scenario: 'fuse-wake-up',
    test: 'fuse/requests',
  },
  {
    name: 'answered-still-waiting',
    file: 'fuse/requests.ts',
    find: `    if (this.#state === State.waiting) this.link.waiting.delete(keyOf(this.uniqueHigh, this.uniqueLow));
`,
    replace: '',
    what: 'a parked request that was answered is kept, and can be interrupted afterwards',
    test: 'fuse/requests',
  },
  {
    name: 'malformed-answer-as-taken',
    file: 'fuse/link.ts',
    find: `String(error)}\`);
      return false;`,
    replace: `String(error)}\`);
      return true;`,
    what: 'an answer that the kernel finds malformed counts as taken',
    test: 'fuse/requests',
  },
  {
    name: 'handle-closed-twice',
    file: 'fuse/handles.ts',
    find: `    this.#open.delete(fh);
`,
    replace: '',
    what: 'an open file is released again at the end of the connection',
    test: 'fuse/requests',
  },
  {
    name: 'end-keeps-files',
    file: 'fuse/session.ts',
    find: `
    this.#server.handles.closeAll();`,
    replace: '',
    what: 'the end of the connection releases no open file',
    scenario: 'fuse-life',
    test: 'fuse/requests',
  },
  {
    name: 'end-keeps-requests',
    file: 'fuse/link.ts',
    find: `
    for (const request of waiting) request.drop();`,
    replace: `
    void waiting;`,
    what: 'the end of the connection does not cancel the requests that wait',
    test: 'fuse/requests',
  },
  {
    name: 'open-refused-kept',
    file: 'fuse/operations/file.ts',
    find: 'if (!server.link.answer(packet.uniqueHigh, packet.uniqueLow, fuse_open_out.SIZE)) server.handles.close(fh);',
    replace: 'server.link.answer(packet.uniqueHigh, packet.uniqueLow, fuse_open_out.SIZE);',
    what: 'an open whose caller was killed meanwhile stays open for ever',
    test: 'fuse/tree',
  },
  {
    name: 'malformed-as-enosys',
    file: 'fuse/session.ts',
    find: '      outcome = -EIO;',
    replace: '      outcome = -ENOSYS;',
    what: 'a malformed POLL is answered ENOSYS, and the kernel never polls this mount again',
    test: 'fuse/hostile',
  },
];
