import { defineAfu, type AfuDefinition } from './model.ts';

export interface NullOptions extends Omit<Partial<AfuDefinition>, 'model'> {}

/** An AFU that takes any work and does nothing with it: whatever a program sees was raised by somebody else. */
export function nullModel(options: NullOptions = {}): AfuDefinition {
  return defineAfu({ ...options, model: { name: 'null', usesMemory: false, attach() {} } });
}
