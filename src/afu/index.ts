/** What an accelerator's author imports: `afukit/afu`. */
export { afuOptions } from './backend.ts';
export { echo, echoDriver, type EchoOptions } from './echo.ts';
export { AddressError, EffectiveMemory, localMemory } from './memory.ts';
export { memcpy, type MemcpyOptions } from './memcpy.ts';
export { defineAfu, defineModel, type AfuDefinition, type AfuModel } from './model.ts';
export { nullModel, type NullOptions } from './null.ts';
export { ProcessElement } from './process-element.ts';
export { RegisterFile, type Register, type Registers } from './registers.ts';
export { registerModel, type RegisterModelOptions } from './register-model.ts';
export { stockModel, stockModels, type StockModelName } from './stock.ts';
export { ticker, type TickerOptions } from './ticker.ts';
