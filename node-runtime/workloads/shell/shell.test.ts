import { getCommandNames } from 'just-bash';
import { describe, expect, it } from 'vitest';
import { SHELL_COMMANDS } from '../shell-commands.ts';
import { PodLab } from '../test-kit.ts';
import { isUnfinished, typeOn } from './bash.ts';

const lab = new PodLab();
const sh = (script: string, stdin?: string) => lab.run(lab.a, ['sh', '-c', script], stdin);

describe('a script', () => {
  it.each([
    ['echo a; echo b >&2; exit 3', 3, 'a\n', 'b\n'],
    ['for i in 1 2; do echo $i; done', 0, '1\n2\n', ''],
    ['i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i', 0, '3\n', ''],
    ['false; while [ $? -ne 0 ]; do echo once; true; done', 0, 'once\n', ''],
    ['f() { echo "in $1"; return 4; }; f x; echo $?', 0, 'in x\n4\n', ''],
    ['x=$(hostname); echo "[$x]"', 0, '[a]\n', ''],
    ['hostname | tr a-z A-Z', 0, 'A\n', ''],
    ['hostname > /tmp/h; cat /tmp/h', 0, 'a\n', ''],
    ['{ echo a; echo b; } | wc -l', 0, '2\n', ''],
    ['echo x > /nodir/f || echo no; echo on', 0, 'no\non\n', 'bash: /nodir/f: No such file or directory\n'],
    ['echo x > /tmp; echo $?', 0, '1\n', 'bash: /tmp: Is a directory\n'],
    ['false; echo $? > /tmp/s; cat /tmp/s', 0, '1\n', ''],
    ['f=/tmp/v; echo a > $f; echo b >> $f; cat $f', 0, 'a\nb\n', ''],
    ['(cd /tmp; pwd); pwd', 0, '/tmp\n/\n', ''],
    ['set -e; false; echo no', 1, '', ''],
    ['trap "echo bye" EXIT; echo hi', 0, 'hi\nbye\n', ''],
    ['nosuch; echo $?', 0, '127\n', 'bash: nosuch: command not found\n'],
    ['exec hostname; echo never', 0, 'a\n', ''],
    ['ping 2>&1; echo $?', 0, 'ping: usage error: Destination address required\n1\n', ''],
    ['ping 2>/dev/null; echo $?', 0, '1\n', ''],
    ["echo '[1,2]' | jq '.[1]'", 0, '2\n', ''],
    ['/bin/echo x; /usr/bin/hostname', 0, 'x\na\n', ''],
    ['timeout 2 sleep 10; echo $?', 0, '124\n', ''],
    ['if true; then', 2, '', "sh: line 1:14: syntax error near unexpected token `fi'\n"],
    ['echo "é"; printf "%s\\n" ü', 0, 'é\nü\n', ''],
    ['grep -c . /etc/hosts; head -1 /etc/hosts', 0, '3\n127.0.0.1 localhost\n', ''],
    ['A=1 env | grep ^A=', 0, 'A=1\n', ''],
  ])('%s', async (script, code, out, err) => {
    expect(await sh(script)).toEqual({ code, out, err });
  });

  it('has its positional parameters, and its options', async () => {
    expect((await lab.run(lab.a, ['sh', '-c', 'echo $2 "$1" $#', 'name', "it's", 'two'])).out).toBe(
      "two it's 2\n",
    );
    expect((await lab.run(lab.a, ['sh', '-euxc', 'false; echo no'])).code).toBe(1);
  });

  it('reads its standard input, by our programs as by just-bash', async () => {
    expect((await sh('cat; echo after', 'line\n')).out).toBe('line\nafter\n');
    expect((await sh('while read l; do echo "<$l>"; done', 'a\nb\n')).out).toBe('<a>\n<b>\n');
    expect((await sh('sort', 'b\na\n')).out).toBe('a\nb\n');
  });

  it('does not wait for an input that it does not read', async () => {
    const { handle } = lab.start(lab.a, 'pause');
    const never: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    };
    let out = '';
    const { exited } = handle.exec(['sh', '-c', 'echo go; grep localhost /etc/hosts'], {
      stdin: never,
      stdout: (chunk) => {
        out += Buffer.from(chunk).toString();
      },
      stderr() {},
    });
    await lab.until(exited);
    expect(out).toBe('go\n127.0.0.1 localhost\n');
  });

  it('starts jobs, waits for them and kills them; time is the cluster’s', async () => {
    const before = lab.clock.now();
    const { out } = await sh(
      'sleep 5 & echo started; wait $!; echo $?; sleep 100 & kill $!; wait $!; echo $?',
    );
    expect(out).toBe('started\n0\n143\n');
    expect(lab.clock.now() - before).toBe(5000);
  });

  it('a job outlives the shell that started it', async () => {
    const { handle } = lab.start(lab.a, 'pause');
    await lab.exec(handle, ['sh', '-c', 'httpd -f -p 8080 -h /etc &']);
    expect((await lab.exec(handle, ['curl', '-s', 'localhost:8080/hosts'])).out).toContain('localhost');
  });
});

describe('output', () => {
  it('comes while the script runs', async () => {
    const { handle, log } = lab.start(lab.a, 'busybox', {
      command: ['sh', '-c', 'while true; do echo tick; ping -c 1 b | tail -1; sleep 1; done'],
    });
    await lab.pass(2500);
    expect(log.lines.filter((line) => line.text === 'tick')).toHaveLength(3);
    handle.stop(0);
    expect((await lab.until(handle.exited)).exitCode).toBe(137);
  });

  it('of a program comes while it runs', async () => {
    const { handle, log } = lab.start(lab.a, 'busybox', { command: ['sh', '-c', 'ping b; echo x'] });
    await lab.pass(1500);
    expect(log.lines.map((line) => line.text.split(':')[0])).toEqual([
      'PING b (10.0.0.2) 56(84) bytes of data.',
      '64 bytes from b (10.0.0.2)',
      '64 bytes from b (10.0.0.2)',
    ]);
    handle.stop(0);
    await lab.until(handle.exited);
  });

  it('a loop that does nothing else lets others have their turn, and can be killed', async () => {
    const { handle } = lab.start(lab.a, 'busybox', { command: ['sh', '-c', 'while :; do :; done'] });
    expect((await sh('echo still here')).out).toBe('still here\n');
    handle.stop(30_000);
    expect((await lab.until(handle.exited)).exitCode).toBe(143);
  });
});

describe('an interactive shell', () => {
  it('keeps variables, directory and functions, and ends with exit', async () => {
    const lines =
      'x=1\ncd /tmp\nif true\nthen echo "$x"; pwd\nfi\nf() {\necho f $1\n}\nf y\nfalse\necho $?\nexit 7\necho never\n';
    expect(await lab.run(lab.a, ['sh'], lines)).toEqual({ code: 7, out: '1\n/tmp\nf y\n1\n', err: '' });
  });

  it('goes on after what it cannot read', async () => {
    expect(await lab.run(lab.a, ['sh'], 'fi\necho ok\n')).toMatchObject({ code: 0, out: 'ok\n' });
  });

  it('on a terminal echoes, prompts and edits', async () => {
    const { handle } = lab.start(lab.a, 'pause');
    let out = '';
    const { exited } = handle.exec(['sh'], {
      stdin: (async function* () {
        for (const key of ['ech', 'x\u007f', 'o hi\r', '\u0004']) yield Buffer.from(key);
      })(),
      stdout: (chunk) => {
        out += Buffer.from(chunk).toString();
      },
      stderr() {},
      tty: { columns: 80, rows: 24 },
    });
    await lab.until(exited);
    expect(out.replaceAll('/ # ', '')).toBe('echx\b \bo hi\r\nhi\r\n\r\n');
    expect(out.startsWith('/ # ech')).toBe(true);
  });
});

it.each([
  ['if true', "sh: line 1:8: syntax error near unexpected token `newline'", true],
  ['echo )\n', "sh: line 1:6: syntax error near unexpected token `)'", false],
  ['for i in a; do\n', 'sh: line 2:1: Expected DONE, got EOF', true],
  ['echo "a', 'sh: line 1: unexpected EOF while looking for matching `"\'', true],
])('%j goes on: %s', (text, message, unfinished) => {
  expect(isUnfinished(text, message)).toBe(unfinished);
});

it.each([
  ['', 'ab\r', 'ab\n', 'ab\n', false],
  ['ab', '\u007f\u007f\u007f', '', '\b \b\b \b', false],
  ['ab', '\u0015c', 'c', '\b \b\b \bc', false],
  ['ab', '\u0003', '\n', '^C\n', false],
  ['', '\u0004', '', '\n', true],
  ['a', '\u0004', 'a', '', false],
  ['', '\u001b[Ax', 'x', 'x', false],
])('%j, then %j typed', (pending, typed, text, echo, ended) => {
  expect(typeOn(pending, typed)).toEqual({ text, echo, ended });
});

it('the list of just-bash’s commands is just-bash’s', () => {
  expect([...SHELL_COMMANDS].sort()).toEqual([...getCommandNames()].sort());
});
