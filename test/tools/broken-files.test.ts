import {spawn} from 'node:child_process';
import {mkdirSync, symlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import {gzipSync} from 'node:zlib';
import test from 'ava';
import {linesOf, plainEnvironment, replay, replayCommand, run, ended, temporaryFile, temporaryFolder} from '../lib/tool.ts';

// Every file here gives one line on stderr, which names the place, and status 2

const HEADER = 'event,task,a0,a1,a2,a3,a4,a5,result\n';
/** Four writable pages. */
const MAP = 'mmap,,0x10000000000,0x4000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0,0x10000000000\n';

const broken = test.macro({
	title: (_, what: string) => `replay refuses ${what} with one line and status 2`,
	async exec(t, _what: string, content: string | Uint8Array, message: string, name?: string) {
		const file = temporaryFile(t, content, name);
		t.deepEqual(await replay([file]), {status: 2, stdout: `unusable ${file}\n`, stderr: `${path.dirname(file)}/${message}\n`});
	},
});

// What is no text, or no table

test(broken, 'an empty file', '', 't.csv: expected a header row, found the end of the file');
test(broken, 'a file of blank lines', '\n\n\r\n', 't.csv: expected a header row, found the end of the file');
test(broken, 'a file of comments', '# a claim\n#observe vma\n', 't.csv: expected a header row, found the end of the file');
test(broken, 'a file without header', 'write,,0x10000000000,1,5,,,,ok\n', 't.csv:1:1: expected a header row with the column event, found "write,,0x10000000000,1,5,,,,ok"');
test(broken, 'a file without header, of an mmap', MAP, `t.csv:1:1: expected a header row with the column event, found "${MAP.slice(0, 57)}…"`);
test(broken, 'a file cut inside the name of an event', `${HEADER}${MAP}remap_an`, 't.csv:3:1: expected an event, found "remap_an"');
test(broken, 'a file cut inside a flag', `${HEADER}mmap,,0x10000000000,0x4000,PROT_READ|PROT_WR`, 't.csv:2:28: expected a known flag, found "PROT_READ|PROT_WR"');
test(broken, 'a file cut inside a word', `${HEADER}pte,,0,1,,,,,none prese`, 't.csv:2:14: expected words of a page, found "none prese"');
test(broken, 'a file cut inside quotes', `${HEADER}pte,,0,1,,,,,"none`, 't.csv:2:14: expected a closing quote, found none before the end of the file');
test(broken, 'a file cut inside a character', Buffer.concat([Buffer.from(`${HEADER}# `), Buffer.of(0xe2, 0x82)]), 't.csv:2:3: expected text in UTF-8, found byte 0xe2');
test(broken, 'a program', Buffer.concat([Buffer.of(0x7f), Buffer.from('ELF'), Buffer.from([2, 1, 1, 0, 0, 0])]), 't.csv:1:1: expected text in UTF-8, found byte 0x7f');
test(broken, 'random bytes', Buffer.from(Array.from({length: 1000}, (_, i) => (i * 167 + 14) % 251)), 't.csv:1:1: expected text in UTF-8, found byte 0x0e');
test(broken, 'zero bytes', Buffer.alloc(100_000), 't.csv:1:1: expected text in UTF-8, found UTF-16 or UTF-32, or no text (byte 0x00)');
test(broken, 'UTF-16 with a mark', Buffer.from(`\ufeff${HEADER}${MAP}`, 'utf16le'), 't.csv:1:1: expected text in UTF-8, found UTF-16 or UTF-32, or no text (byte 0xff)');
test(broken, 'UTF-16 without a mark', Buffer.from(HEADER + MAP, 'utf16le'), 't.csv:1:2: expected text in UTF-8, found UTF-16 or UTF-32, or no text (byte 0x00)');
test(broken, 'big-endian UTF-16 with a mark', Buffer.from(`\ufeff${HEADER}${MAP}`, 'utf16le').swap16(), 't.csv:1:1: expected text in UTF-8, found UTF-16 or UTF-32, or no text (byte 0xfe)');
test(broken, 'big-endian UTF-16 without a mark', Buffer.from(HEADER + MAP, 'utf16le').swap16(), 't.csv:1:1: expected text in UTF-8, found UTF-16 or UTF-32, or no text (byte 0x00)');
test(broken, 'Latin-1', Buffer.from(`${HEADER}# Andr\xe9\n`, 'latin1'), 't.csv:2:7: expected text in UTF-8, found byte 0xe9');
test(broken, 'line ends of old', HEADER.replace('\n', '\r') + MAP.replace('\n', '\r'), 't.csv:1:36: expected a line end of LF or CR LF, found CR alone');
test(broken, 'quotes that never close', `${HEADER}"mmap,,0x10000000000\n${MAP.repeat(100)}`, 't.csv:2:1: expected a closing quote, found none before the end of the file');
test(broken, 'quotes inside a field', `${HEADER}pte,,0,1,,,,,no"ne"\n`, 't.csv:2:16: expected quotes around a whole field, found a quote inside');
test(broken, 'an escape sequence of a terminal', `${HEADER}# \x1b[2J\n`, 't.csv:2:3: expected text in UTF-8, found byte 0x1b');
test(broken, 'semicolons for commas', `${HEADER}${MAP}`.replaceAll(',', ';'), 't.csv:1:1: expected a header row with the column event, found "event;task;a0;a1;a2;a3;a4;a5;result"');

// Columns

test(broken, 'a column twice', 'event,task,a0,a1,a0,result\n', 't.csv:1:18: expected each column once, found "a0"');
test(broken, 'a column of its own twice', 'event,note,a0,note\n', 't.csv:1:15: expected each column once, found "note"');
test(broken, 'a header without event', 'task,a0,result\n', 't.csv:1:1: expected a header row with the column event, found "task,a0,result"');
test(broken, 'a header with a space', 'event, task\n', 't.csv:1:7: expected a column name without spaces around it, found " task"');
test(broken, 'a row longer than the header', 'event,a0\nexec,1,2\n', 't.csv:2:7: expected at most 2 fields, found one more');
test(broken, 'a header in the middle', `${HEADER}${MAP}${HEADER}`, 't.csv:3:1: expected an event, found "event"');

// Unknown words

test(broken, 'an unknown event', `${HEADER}# a comment\n\nwriet,,0\n`, 't.csv:4:1: expected an event, found "wriet"');
test(broken, 'an event in capitals', `${HEADER}MMAP\n`, 't.csv:2:1: expected an event, found "MMAP"');
test(broken, 'a row of commas', `${HEADER},,,,,,,,\n`, 't.csv:2:1: expected an event, found nothing');
test(broken, 'a member of every object as event', `${HEADER}constructor\n`, 't.csv:2:1: expected an event, found "constructor"');
test(broken, 'an unknown flag', `${HEADER}${MAP}madvise,,0x10000000000,0x1000,MADV_USERFOULT\n`, 't.csv:3:31: expected a known flag, found "MADV_USERFOULT"');
test(broken, 'a flag where a number stands', `${HEADER}munmap,,PROT_READ,1\n`, 't.csv:2:9: expected a number, found "PROT_READ"');
test(broken, 'an unknown key', `${HEADER}config,,swapp,1\n`,
	't.csv:2:9: expected one of format, kernel, revision, arch, thp, thp_zero_page, swap, ram, max_map_count, ksm, remap_anon_pages, khugepaged_max_ptes_none, found "swapp"');
test(broken, 'a key that every object has', `${HEADER}config,,__proto__,1\n`,
	't.csv:2:9: expected one of format, kernel, revision, arch, thp, thp_zero_page, swap, ram, max_map_count, ksm, remap_anon_pages, khugepaged_max_ptes_none, found "__proto__"');
test(broken, 'an unknown revision', `${HEADER}config,,revision,2015-03\n`, 't.csv:2:18: expected one of 2013-05, 2014-10, uffdio-move, found "2015-03"');
test(broken, 'an unknown architecture', `${HEADER}config,,arch,vax\n`,
	't.csv:2:14: expected one of x86_64, i386, x32, alpha, mips-o32, mips-n32, mips-n64, parisc, xtensa, found "vax"');
test(broken, 'a setting of huge pages that there is not', `${HEADER}config,,thp,sometimes\n`, 't.csv:2:13: expected one of always, madvise, never, found "sometimes"');
test(broken, 'a switch that is neither 0 nor 1', `${HEADER}config,,ksm,2\n`, 't.csv:2:13: expected a number from 0 to 1, found "2"');
test(broken, 'a key without value', `${HEADER}config,,swap\n`, 't.csv:2:13: expected a number from 0 to 16777216, found nothing');
test(broken, 'a later format', `${HEADER}config,,format,2\n`, 't.csv:2:16: expected format 1, found "2"');
test(broken, 'configuration behind another row', `${HEADER}${MAP}config,,ksm,1\n`, 't.csv:3:1: expected configuration only before every other row, found "config"');
test(broken, 'an unknown word of a page', `${HEADER}pte,,0,1,,,,,prezent rw\n`, 't.csv:2:14: expected words of a page, found "prezent rw"');
test(broken, 'a word of a page with a number that has none', `${HEADER}pte,,0,1,,,,,rw=1\n`, 't.csv:2:14: expected words of a page, found "rw=1"');
test(broken, 'a number of a page that is none', `${HEADER}pte,,0,1,,,,,pfn=x\n`, 't.csv:2:14: expected words of a page, found "pfn=x"');
test(broken, 'a page without words', `${HEADER}pte,,0,1,,,,,"  "\n`, 't.csv:2:14: expected words of a page, found "  "');
test(broken, 'a negated number', `${HEADER}pte,,0,1,,,,,!pfn=1\n`, 't.csv:2:14: expected words of a page, found "!pfn=1"');
test(broken, 'an unknown word of a vma', `${HEADER}${MAP}vma,,0x10000000000,0x10000004000,,,,,rw-p rd wr zz\n`, 't.csv:3:38: expected rights and words of VmFlags, found "rw-p rd wr zz"');
test(broken, 'a vma without rights', `${HEADER}${MAP}vma,,0x10000000000,0x10000004000,,,,,rd wr\n`, 't.csv:3:38: expected rights and words of VmFlags, found "rd wr"');
test(broken, 'an unknown member of rss', `${HEADER}rss,,,,,,,,anon=0 shmem=0\n`, 't.csv:2:12: expected anon=N file=N swap=N, found "anon=0 shmem=0"');
test(broken, 'an unknown counter', `${HEADER}vmstat,,pgfault,,,,,,1\n`, 't.csv:2:9: expected a counter of vmstat, found "pgfault"');
test(broken, 'a count that is none', `${HEADER}map_count,,,,,,,,many\n`, 't.csv:2:18: expected a number, found "many"');
test(broken, 'an unknown error', `${HEADER}munmap,,0,0,,,,,-EFOO\n`, 't.csv:2:17: expected an integer or an error, found "-EFOO"');
test(broken, 'an error without its sign', `${HEADER}munmap,,0,0,,,,,EINVAL\n`, 't.csv:2:17: expected an integer or an error, found "EINVAL"');
test(broken, 'the result of an access for a call', `${HEADER}munmap,,0,0,,,,,ok\n`, 't.csv:2:17: expected an integer or an error, found "ok"');
test(broken, 'an unknown signal', `${HEADER}read,,0,,,,,,SIGILL@0\n`, 't.csv:2:14: expected ok, SIGBUS, SIGSEGV, OOM or -EFAULT, found "SIGILL@0"');
test(broken, 'a signal without its address', `${HEADER}read,,0,,,,,,SIGSEGV@\n`, 't.csv:2:14: expected ok, SIGBUS, SIGSEGV, OOM or -EFAULT, found "SIGSEGV@"');
test(broken, 'an unknown kind of allocation', `${HEADER}fail_alloc,,zone\n`, 't.csv:2:13: expected one of page, pte, pmd, anon_vma, huge, found "zone"');

// Numbers out of range

test(broken, 'an address past 64 bits', `${HEADER}read,,0x10000000000000000\n`, 't.csv:2:7: expected a number below 2^64, found "0x10000000000000000"');
test(broken, 'a number below 64 bits', `${HEADER}read,,-9223372036854775809\n`, 't.csv:2:7: expected a number not below -2^63, found "-9223372036854775809"');
test(broken, 'a number of a million digits', `${HEADER}read,,${'9'.repeat(1_000_000)}\n`, 't.csv:2:7: expected a number below 2^64, found "' + `${'9'.repeat(57)}…"`);
test(broken, 'a flag past 64 bits', `${HEADER}mprotect,,0,0,1|0x1ffffffffffffffff\n`, 't.csv:2:15: expected a number below 2^64, found "1|0x1ffffffffffffffff"');
test(broken, 'a broken number', `${HEADER}read,,0x\n`, 't.csv:2:7: expected a number, found "0x"');
test(broken, 'a fraction', `${HEADER}read,,4096.5\n`, 't.csv:2:7: expected a number, found "4096.5"');
test(broken, 'a frame past 64 bits', `${HEADER}pte,,0,1,,,,,pfn=18446744073709551616\n`, 't.csv:2:14: expected words of a page, found "pfn=18446744073709551616"');
test(broken, 'an address of a page that is none', `${HEADER}pte,,0x10000000001,1,,,,,none\n`, 't.csv:2:6: expected a page-aligned address, found "0x10000000001"');
test(broken, 'a run of no pages', `${HEADER}pte,,0,0,,,,,none\n`, 't.csv:2:8: expected a number of pages, 1 or more, found "0"');
test(broken, 'more swap than the model has', `${HEADER}config,,swap,16777217\n`, 't.csv:2:14: expected a number from 0 to 16777216, found "16777217"');
test(broken, 'negative swap', `${HEADER}config,,swap,-1\n`, 't.csv:2:14: expected a number from 0 to 16777216, found "-1"');
test(broken, 'more vmas than a number holds', `${HEADER}config,,max_map_count,2147483648\n`, 't.csv:2:23: expected a number from 0 to 2147483647, found "2147483648"');
test(broken, 'more empty entries than a table has', `${HEADER}config,,khugepaged_max_ptes_none,512\n`, 't.csv:2:34: expected a number from 0 to 511, found "512"');
test(broken, 'more allocations than a number holds', `${HEADER}fail_alloc,,page,2147483648\n`, 't.csv:2:18: expected a number below 2^31, found "2147483648"');

// Tasks

test(broken, 'a task that never was', `${HEADER}read,7,0\n`, 't.csv:2:6: expected a task that is running, found "7"');
test(broken, 'an observation of a task that never was', `${HEADER}rss,2,,,,,,,anon=0\n`, 't.csv:2:5: expected a task that is running, found "2"');
test(broken, 'a task that has ended', `${HEADER}fork,,,,,,,,2\nexit,2\nread,2,0\n`, 't.csv:4:6: expected a task that is running, found "2"');
test(broken, 'task 0', `${HEADER}read,0,0\n`, 't.csv:2:6: expected a task, a number from 1 to 2147483647, found "0"');
test(broken, 'a task past 32 bits', `${HEADER}read,4294967297,0\n`, 't.csv:2:6: expected a task, a number from 1 to 2147483647, found "4294967297"');
test(broken, 'a task by name', `${HEADER}read,qemu,0\n`, 't.csv:2:6: expected a task, a number from 1 to 2147483647, found "qemu"');
test(broken, 'a child with a number that was used', `${HEADER}fork,,,,,,,,2\nexit,2\nfork,,,,,,,,2\n`, 't.csv:4:13: expected a task number that was never used, below 2^31, found "2"');
test(broken, 'a child that is its parent', `${HEADER}fork,,,,,,,,1\n`, 't.csv:2:13: expected a task number that was never used, below 2^31, found "1"');
test(broken, 'a row behind the one that ended all tasks', `${HEADER}exit\nread,,0\n`, 't.csv:3:6: expected a task that is running, found nothing');

// Not modelled, which is said as that

const notModelled = test.macro({
	title: (_, what: string) => `replay says "not modelled" of ${what}, with file and line, and ends with status 2`,
	async exec(t, _what: string, rows: string, message: string) {
		const file = temporaryFile(t, HEADER + rows);
		t.deepEqual(await replay([file]), {status: 2, stdout: `unusable ${file}\n`, stderr: `${file}:${message}\n`});
	},
});
test(notModelled, 'huge pages of hugetlbfs', 'mmap,,0,0x200000,PROT_READ,MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB,-1,0\n', '2:1: not modelled: MAP_HUGETLB');
test(notModelled, 'memory failure', `${MAP}madvise,,0x10000000000,0x1000,MADV_HWPOISON\n`, '3:1: not modelled: memory failure');
test(notModelled, 'a file that has more pages than page->index can count', 'file,,3,0x1000000000001\n', '2:1: not modelled: a file of more than 281474976710656 bytes');
test(notModelled, 'a system call of files by number', 'syscall,,0,0,0,0\n', '2:1: not modelled: system call 0, read');
test(notModelled, 'the later revision', 'config,,revision,uffdio-move\n', '2:18: not modelled: revision uffdio-move');

// What is no file

test('replay refuses a file that is not there with one line and status 2', async t => {
	const file = path.join(temporaryFolder(t), 'none.csv');
	t.deepEqual(await replay([file]), {status: 2, stdout: `unusable ${file}\n`, stderr: `${file}: expected a trace that can be read, found nothing of that name\n`});
});

test('replay refuses a folder without traces, also one that is called x.csv or has others below it', async t => {
	const folder = temporaryFolder(t), named = path.join(folder, 'x.csv');
	mkdirSync(path.join(named, 'empty'), {recursive: true});
	writeFileSync(path.join(named, 'empty', 'notes.txt'), 'no trace');
	for (const name of [folder, named]) {
		t.deepEqual(await replay([name]), {status: 2, stdout: `unusable ${name}\n`, stderr: `${name}: expected traces (*.csv, *.csv.gz), found none in the folder\n`});
	}
});

test('replay refuses a link in a folder that leads to a folder or nowhere, and goes on with the next trace', async t => {
	const folder = temporaryFolder(t);
	symlinkSync(folder, path.join(folder, 'a.csv'));
	symlinkSync(path.join(folder, 'none'), path.join(folder, 'b.csv'));
	writeFileSync(path.join(folder, 'c.csv'), HEADER + MAP);
	t.deepEqual(await replay([folder]), {
		status: 2,
		stdout: `unusable ${folder}/a.csv\nunusable ${folder}/b.csv\nagrees ${folder}/c.csv (1 rows, 2013-05)\n`,
		stderr: `${folder}/a.csv: expected a trace that can be read, found a folder\n${folder}/b.csv: expected a trace that can be read, found nothing of that name\n`,
	});
});

const RECORDING = linesOf('2014-10/base/move-one-page.csv').join('\n');

test(broken, 'gzip data that ends too early', gzipSync(RECORDING).subarray(0, 400), 't.csv.gz: expected gzip data that is whole, found unexpected end of file', 't.csv.gz');
test(broken, 'gzip data that is damaged', gzipSync(RECORDING).fill(0x55, 100, 200), 't.csv.gz: expected gzip data that is whole, found invalid distance too far back', 't.csv.gz');
test(broken, 'a gzip head with nothing behind', Buffer.of(0x1f, 0x8b), 't.csv.gz: expected gzip data that is whole, found unexpected end of file', 't.csv.gz');
test(broken, 'an empty gzip file', gzipSync(''), 't.csv.gz: expected a header row, found the end of the file', 't.csv.gz');
test(broken, 'broken rows inside of gzip data', gzipSync(`${HEADER}nonsense\n`), 't.csv.gz:2:1: expected an event, found "nonsense"', 't.csv.gz');
test(broken, 'another kind of compression', Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00), 't.csv.zst:1:2: expected text in UTF-8, found byte 0xb5', 't.csv.zst');

test('a broken file with line ends in its name is still refused in one line', async t => {
	const file = temporaryFile(t, 'x\n', 'a\nb\x1b.csv'), {status, stderr} = await replay([file]);
	t.is(status, 2);
	t.is(stderr, `${path.dirname(file)}/a\\nb\\u001b.csv:1:1: expected a header row with the column event, found "x"\n`);
});

// Endless input: 300 MB, in 2 s and 200 MB

/** What a child needed, by the system's own account. */
interface Needed {
	readonly status: number;
	readonly seconds: number;
	readonly megabytes: number;
	readonly stdout: string;
	readonly stderr: string;
}

/** Replays 300 MB from a generator in a process of its own. @param head - what the trace begins with @param piece - what follows, again and again */
async function endless(head: string, piece: string, packed: boolean): Promise<Needed> {
	const script = `
		import {Readable} from 'node:stream';
		import {createGzip} from 'node:zlib';
		import {main} from ${JSON.stringify(replayCommand)};
		const piece = Buffer.from(${JSON.stringify(piece)}.repeat(65536 / ${piece.length}));
		async function* input() {
			yield Buffer.from(${JSON.stringify(head)});
			for (let sent = 0; sent < 300e6; sent += piece.length) yield piece;
		}
		const out = {stdout: '', stderr: ''};
		const to = name => ({write: async text => { out[name] += text; }, isTTY: false, columns: 80});
		const stdin = ${packed ? 'Readable.from(input()).pipe(createGzip({level: 1}))' : 'input()'};
		const status = await main(['-'], {stdin, stdout: to('stdout'), stderr: to('stderr'), env: {}});
		// the processor's time, which other programs on the machine do not change
		const {user, system} = process.cpuUsage();
		console.log(JSON.stringify({status, seconds: (user + system) / 1e6, megabytes: process.resourceUsage().maxRSS / 1024, ...out}));
		process.exit();
	`;
	const {stdout, stderr} = await run(process.execPath, ['--input-type=module', '-e', script], {env: plainEnvironment});
	if (stderr !== '') throw new Error(stderr);
	return JSON.parse(stdout) as Needed;
}

const oneLine = test.macro({
	title: (_, what: string) => `300 MB ${what} are refused with one line and status 2 within 2 s and 200 MB`,
	async exec(t, _what: string, head: string, piece: string, message: string, packed?: boolean) {
		const {status, stdout, stderr, seconds, megabytes} = await endless(head, piece, packed === true);
		t.deepEqual({status, stdout, stderr}, {status: 2, stdout: 'unusable -\n', stderr: `${message}\n`});
		t.true(seconds < 2, `${seconds} s`);
		t.true(megabytes < 200, `${megabytes} MB`);
	},
});
test.serial(oneLine, 'on the first line', '', 'x', '-:1:1: expected a record of at most 1048576 bytes, found a longer one');
test.serial(oneLine, 'on one line', `${HEADER}read,,`, 'x', '-:2:1: expected a record of at most 1048576 bytes, found a longer one');
test.serial(oneLine, 'of a comment', `${HEADER}#`, 'x', '-:2:1: expected a record of at most 1048576 bytes, found a longer one');
test.serial(oneLine, 'of lines in quotes that never close', `${HEADER}read,,"`, 'x\n', '-:2:1: expected a record of at most 1048576 bytes, found a longer one with quotes');
test.serial(oneLine, 'of columns', 'event', ',x', '-:1:8196: expected at most 4096 fields, found one more');
test.serial(oneLine, 'of fields', `${HEADER}read`, ',', '-:2:13: expected at most 9 fields, found one more');
test.serial(oneLine, 'of one gzipped line', `${HEADER}read,,`, 'x', '-:2:1: expected a record of at most 1048576 bytes, found a longer one', true);

test.serial('300 MB on one line through a pipe end the command, and the pipe', async t => {
	const child = spawn('sh', ['-c', `head -c 300000000 /dev/zero | tr '\\0' x | "$0" "$1" -`, process.execPath, replayCommand], {stdio: ['ignore', 'pipe', 'pipe'], env: plainEnvironment});
	const {code, stdout, stderr} = await ended(child);
	t.deepEqual({code, stdout, stderr}, {code: 2, stdout: 'unusable -\n', stderr: '-:1:1: expected a record of at most 1048576 bytes, found a longer one\n'});
});

test.serial('blank lines and comments of 60 MB, in which nothing is, are read through and refused within 200 MB', async t => {
	const script = `
		import {main} from ${JSON.stringify(replayCommand)};
		const piece = Buffer.from('# nothing\\n\\n\\r\\n'.repeat(5000));
		async function* input() {
			for (let sent = 0; sent < 60e6; sent += piece.length) yield piece;
		}
		let stderr = '';
		const status = await main(['-'], {stdin: input(), stdout: {write: async () => {}, isTTY: false, columns: 80}, stderr: {write: async text => { stderr += text; }, isTTY: false, columns: 80}, env: {}});
		console.log(JSON.stringify({status, stderr, megabytes: process.resourceUsage().maxRSS / 1024}));
	`;
	const {stdout} = await run(process.execPath, ['--input-type=module', '-e', script], {env: plainEnvironment});
	const {status, stderr, megabytes} = JSON.parse(stdout) as {status: number, stderr: string, megabytes: number};
	t.deepEqual({status, stderr}, {status: 2, stderr: '-: expected a header row, found the end of the file\n'});
	t.true(megabytes < 200, `${megabytes} MB`);
});

// A run longer than an address space cannot be true of any trace; a file that claims one must not keep the command busy for years
const longRun = test.macro({
	title: (_, result: string, option: string) => `a run of 2^64-1 pages that is ${result === '' ? 'to be filled in' : result} is refused at once${option}`,
	async exec(t, result: string, option: string) {
		const file = temporaryFile(t, `${HEADER}${MAP}pte,,0x10000000000,0xffffffffffffffff,,,,,${result}\n`);
		const {code, stderr} = await run(process.execPath, [replayCommand, ...option === '' ? [] : [option.trim()], file], {env: plainEnvironment, timeout: 60_000});
		t.is(code, 2);
		t.regex(stderr, /t\.csv:3:20: expected [^\n]*\n/);
	},
});
test.serial(longRun, 'none', '');
test.serial(longRun, '', ' --fill');

// What is known to slip through, each as the format has it

const slips = test.macro({
	title: (_, what: string) => `replay refuses ${what}`,
	async exec(t, _what: string, rows: string, place: string, ...options: readonly string[]) {
		const {status, stderr} = await replay([...options, '-'], {stdin: HEADER + rows});
		t.is(status, 2);
		t.true(stderr.startsWith(`-:${place}: expected `), stderr);
	},
});
test(slips, 'a result where the event has none', 'exit,,,,,,,,banana\n', '2:13');
test(slips, 'a result of swap_out', `${MAP}swap_out,,0x10000000000,0x1000,,,,,ok\n`, '3:36');
test(slips, 'an unknown counter, also where nothing was recorded', 'vmstat,,pgfault\n', '2:9');
test(slips, 'an address that is no page, also where nothing was recorded', 'pte,,0x10000000001,1\n', '2:6');
test(slips, 'a run of no pages, also where nothing was recorded', 'pte,,0x10000000000,0\n', '2:20');
test(slips, 'an error code of no processor', `${MAP}fault,,0x10000000000,0x100000006,,,,,ok\n`, '3:22');
test(slips, 'a signal that is neither fatal nor not', 'signal,,,7\n', '2:10');
