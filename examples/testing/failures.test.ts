import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defineAfu, echo } from 'afukit/afu';
import { serveDevices, whyNot } from 'afukit/testing';

test('a program that fails: the wait says so at once, with its stderr', { skip: whyNot() }, async t => {
  const host = await serveDevices({ afus: [echo()] });
  t.after(() => host.close());

  await host.spawn('python3', ['examples/greeter/client.py', host.path('afu0.7s')]);
  await assert.rejects(host.started(), error => {
    const [first, second, third, ...more] = String(error).split('\n');
    assert.equal(first, 'WaitError: a program failed, and none is left, before work is started on afu0.0 pe 0');
    assert.equal(second, 'no context is open');
    assert.equal(third, 'no event was delivered');
    assert.match(more[0]!, /^python3 examples\/greeter\/client\.py \/.*\/afu0\.7s \(pid \d+\) ended with status 1$/);
    assert.equal(more[1], '  stderr:');
    assert.match(more.at(-1)!, /^ {4}FileNotFoundError: .* No such file or directory: '.*\/afu0\.7s'$/);
    return true;
  });
});

test('a client that dies in read: the next one finds the card as it was', { skip: whyNot() }, async t => {
  const host = await serveDevices({ afus: [echo()] });
  t.after(() => host.close());

  const victim = await host.spawn('python3', ['examples/greeter/client.py', host.path()]);
  await host.waiting();
  await victim.kill('SIGKILL');
  await host.idle();

  const next = await host.spawn('python3', ['examples/greeter/client.py', host.path(), '1']);
  const context = await host.waiting();
  host.inject.interrupt(context, 1);
  assert.equal(await next.line(), 'interrupt 1');
});

test('the link goes down under the client', { skip: whyNot() }, async t => {
  const host = await serveDevices({ afus: [echo()] });
  t.after(() => host.close());

  const client = await host.spawn('python3', ['examples/greeter/client.py', host.path()]);
  await host.waiting();
  host.inject.link('down');
  const { code, stderr } = await client.ended;
  assert.equal(code, 1);
  assert.match(stderr, /OSError: \[Errno 5\] Input\/output error/);
});

test('a model that fails is complained about, and a test expects it', { skip: whyNot() }, async t => {
  const lazy = defineAfu({
    model: {
      name: 'lazy',
      attach() {
        throw new Error('not today');
      },
    },
  });
  const host = await serveDevices({ afus: [lazy] });
  t.after(() => host.close());

  const client = await host.spawn('python3', ['examples/greeter/client.py', host.path()]);
  // Without this line the test would fail at host.close(), with the text of the complaint.
  assert.equal((await host.complaint(/not today/)).source, 'AFU model lazy');
  assert.match((await client.ended).stderr, /Errno 5/);
});
