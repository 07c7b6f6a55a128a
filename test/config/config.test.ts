import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { config, isEnabled } from '../../src/config/index.ts';

describe('M9, point 8: capabilities', () => {
  it('are these names, each true', () => {
    assert.deepEqual(
      { ...config },
      {
        CXL_AFU_DRIVER_OPS: true,
        CXL_AFU_DRIVER_OPS_POLL: true,
        CXL_AFU_DRIVER_LARGE_EVENTS: true,
        CXL_DRIVER_MODULES: true,
      },
    );
  });

  it('cannot be switched off, removed or added to: the table is frozen', () => {
    assert.ok(Object.isFrozen(config));
    const writable = config as unknown as Record<string, unknown>;
    assert.throws(() => (writable['CXL_AFU_DRIVER_OPS'] = false), TypeError);
    assert.throws(() => delete writable['CXL_AFU_DRIVER_OPS'], TypeError);
    assert.throws(() => (writable['CXL_MINE'] = true), TypeError);
    assert.equal(isEnabled('CXL_AFU_DRIVER_OPS'), true);
    assert.equal(isEnabled('CXL_MINE'), false);
  });

  it('isEnabled knows every name of the table and no other, not even an inherited one', () => {
    for (const name of Object.keys(config)) assert.equal(isEnabled(name), true, name);
    for (const name of ['', 'CXL', 'cxl_afu_driver_ops', 'toString', '__proto__', 'constructor', 'hasOwnProperty'])
      assert.equal(isEnabled(name), false, name);
  });

  it('does not carry the leftovers of the merge of cxlflash', () => {
    for (const name of ['CXL_KERNEL_API', 'CXL_EEH']) {
      assert.equal(name in config, false);
      assert.equal(isEnabled(name), false);
    }
  });
});
