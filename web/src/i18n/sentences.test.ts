import { afterEach, expect, test } from 'vitest';
import { loadSentences, startLanguage } from '.';
import { said } from './said';
import { translated, worded, wordedAtField } from './sentences';

afterEach(async () => {
  await startLanguage('en');
  await loadSentences('en');
});

test('English needs no translation', () => {
  expect(translated('The schedule has ended.')).toBeUndefined();
  expect(worded('The schedule has ended.')).toBe('The schedule has ended.');
});

test('what the server filled in stands in the Chinese too, and its states have their names', async () => {
  await startLanguage('zh');
  await loadSentences('zh');
  expect(worded("There is no intake 'intake_1'.")).toBe("没有消息读取 'intake_1'。");
  expect(worded('Let clerk use erp.refund up to 30 times in 7 days, each at most 700 EUR: 24 such requests were approved in the last 90 days, none rejected.'))
    .toBe('允许 clerk 在 7 天内最多使用 erp.refund 30 次，每次最多 700 EUR：最近 90 天内批准了 24 个此类请求，没有拒绝。');
  expect(worded('This request is already approved.')).toBe('此请求已有结果：已批准。');
  expect(worded('Enough people have approved as finance. Still needed: customer-service-lead.')).toBe('以 finance 身份批准的人数已足够。仍需：customer-service-lead。');
  expect(worded('person:amy may not start Resolve a complaint. No rule lets person:amy use agent.x (write).')).toBe('person:amy 无权发起 Resolve a complaint。没有规则允许 person:amy 使用 agent.x（写入）。');
});

test('several sentences are one after the other, and a field keeps its name', async () => {
  await startLanguage('zh');
  await loadSentences('zh');
  expect(worded('The schedule has ended. Make a new one.')).toBe('该计划已结束。请新建一个。');
  expect(worded("mapping.text = 'a[': this is no JMESPath expression: Invalid jmespath expression: Incomplete expression:")).toMatch(/^mapping\.text = 'a\['：这不是 JMESPath 表达式：/);
  expect(wordedAtField("after = '2026-01-01': this time is over")).toBe('这个时间已过');
});

test('what nobody has translated stays as it is, whole', async () => {
  await startLanguage('zh');
  await loadSentences('zh');
  expect(translated('The schedule has ended. And then a pigeon came.')).toBeUndefined();
  expect(said({ sentence: '请客户寄回照片' })).toBe('请客户寄回照片');
  expect(translated('x '.repeat(5_000))).toBeUndefined();
});

test('a long text that is nearly a sentence is given up quickly', async () => {
  await startLanguage('zh');
  await loadSentences('zh');
  const begun = performance.now();
  translated(`person:amy may not ${'a. b may not '.repeat(140)}`);
  expect(performance.now() - begun).toBeLessThan(500);
});
