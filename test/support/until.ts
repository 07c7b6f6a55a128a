export { until } from '../../src/testing/index.ts';
