/** What an accelerator's author imports: `afukit/afu`. */
export { echo, echoDriver, type EchoOptions } from './echo.ts';
export { ProcessElement, afuOptions, defineAfu, type AfuDefinition, type AfuModel } from './model.ts';
export { stockModel, stockModels, type StockModelName } from './stock.ts';
export { ticker, type TickerOptions } from './ticker.ts';
