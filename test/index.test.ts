import test from 'ava';
import {decisions, errnoName, errnos, Kernel, KernelBug, ModelBug, NotModelledError, OutOfFrames, revisions, Task, type RevisionName} from '../index.ts';

// The library, as somebody uses it who has read the README

const RW = 'PROT_READ|PROT_WRITE', ANONYMOUS = 'MAP_PRIVATE|MAP_ANONYMOUS', FIXED = `${ANONYMOUS}|MAP_FIXED`;
const GUEST = 0x100_0000_0000, TEMPORARY = 0x200_0000_0000, PAGE = 4096;

/** A machine whose task has four userfault pages at GUEST and four others at TEMPORARY. */
function postcopy(revision: RevisionName): {kernel: Kernel, task: Task} {
	const kernel = new Kernel({revision, swap: 64}), task = kernel.task();
	task.mmap(GUEST, 4 * PAGE, RW, FIXED);
	task.mmap(TEMPORARY, 4 * PAGE, RW, FIXED);
	task.madvise(GUEST, 4 * PAGE, 'MADV_USERFAULT');
	return {kernel, task};
}

test('the README\'s tour: a fault is a SIGBUS, the filled page moves, a second move finds it there', t => {
	const kernel = new Kernel({revision: '2014-10'}), task = kernel.task();
	const guest = task.mmap(0, 4 * PAGE, RW, ANONYMOUS), temporary = task.mmap(0, PAGE, RW, ANONYMOUS);
	t.is(guest, 0x7fff_f7ff_b000);
	t.is(temporary, guest - PAGE);
	t.is(task.madvise(guest, 4 * PAGE, 'MADV_USERFAULT'), 0);
	t.deepEqual(task.read(guest + 8), {result: 'SIGBUS', address: guest + 8});
	t.deepEqual(task.write(temporary, 1, 42n), {result: 'ok'});
	t.is(task.remap_anon_pages(guest, temporary, PAGE), PAGE);
	t.deepEqual(task.read(guest), {result: 'ok'});
	t.is(errnoName(task.remap_anon_pages(guest, temporary, PAGE)), '-EEXIST');
	t.is(kernel.why()[0]?.why, 'the destination is already mapped');
	t.is(task.page(guest).data, 42n);
	t.deepEqual(task.vmas().map(({start, end}) => [start, end]), [[temporary, guest], [guest, guest + 4 * PAGE]]);
	t.deepEqual(task.rss(), {anon: 1, file: 0, swap: 0});
});

const answers = test.macro({
	title: (_, revision: RevisionName) => `Kernel ${revision}: calls return what that posting returns, errors as negated errno`,
	exec(t, revision: RevisionName, [moved, mapped, hole, unaligned]: readonly [number, string, string, string]) {
		const {task} = postcopy(revision);
		task.write(TEMPORARY, 2 * PAGE, 5);
		t.is(task.remap_anon_pages(GUEST, TEMPORARY, PAGE), moved);
		t.is(errnoName(task.remap_anon_pages(GUEST, TEMPORARY + PAGE, PAGE)), mapped);
		t.is(errnoName(task.remap_anon_pages(GUEST + PAGE, TEMPORARY, PAGE)), hole);
		t.is(errnoName(task.remap_anon_pages(GUEST + PAGE, TEMPORARY + PAGE + 1, PAGE)), unaligned);
		t.is(errnoName(task.remap_anon_pages(GUEST, 0, PAGE)), '-EINVAL');
		t.is(errnoName(task.mlock(0, PAGE)), '-ENOMEM');
		t.is(task.munmap(GUEST, PAGE), 0);
	},
});
test(answers, '2013-05', [0, '-EFAULT', '-EFAULT', '0']); // L, rounding I
test(answers, '2014-10', [4096, '-EEXIST', '-ENOENT', '-EINVAL']); // P

test('a Kernel without configuration is of the posting of 2013-05, and does not share anything with another one', t => {
	const one = new Kernel(), other = new Kernel({revision: '2014-10'});
	t.is(one.machine.config.revision, '2013-05');
	one.task().mmap(GUEST, PAGE, RW, FIXED);
	one.task().write(GUEST, 1, 7);
	t.deepEqual(other.task().vmas(), []);
	t.deepEqual(other.task().read(GUEST), {result: 'SIGSEGV', address: GUEST});
	t.deepEqual(Object.keys(revisions), ['2013-05', '2014-10']);
});

// Why

test('why() names the decisions of the last call, in their order, with source and letter, and forgets those of the one before', t => {
	const {kernel, task} = postcopy('2014-10');
	task.write(TEMPORARY, PAGE, 5);
	t.deepEqual(kernel.why(), []);
	task.write(GUEST);
	t.deepEqual(kernel.why(), [{decision: 'userfault_write', ...pick('userfault_write'), letter: 'P'}]);
	task.remap_anon_pages(GUEST, TEMPORARY, 2 * PAGE);
	t.deepEqual(kernel.why().map(({decision}) => decision), ['rap_page_moved', 'rap_src_hole', 'rap_short']);
	t.is(kernel.why()[1]!.source, 'mm/fremap.c:remap_anon_pages_pte()');
	task.munmap(GUEST, PAGE);
	t.deepEqual(kernel.why(), []);
});

test('the letter of a decision is that of the posting', t => {
	const letters = (['2013-05', '2014-10'] as const).map(revision => {
		const {kernel, task} = postcopy(revision);
		task.read(GUEST);
		return kernel.why().map(({letter}) => letter);
	});
	t.deepEqual(letters, [['L'], ['P']]);
});

function pick(name: keyof typeof decisions): {why: string, source: string} {
	const {why, source} = decisions[name];
	return {why, source};
}

// A look at the state

test('page() shows entry and page in the words of the trace format, and a moved page keeps its frame', t => {
	const {task} = postcopy('2014-10');
	t.deepEqual(task.page(GUEST), {words: new Set(['none'] as const), pfn: 0, mapcount: -1, index: -1, anon_vma: 0, entry: 0, swapcount: -1});
	task.write(TEMPORARY, 1, 2n ** 64n - 1n);
	const before = task.page(TEMPORARY + 100);
	t.deepEqual([...before.words], ['present', 'base', 'rw', 'dirty', 'young', 'softdirty', 'anon']);
	t.deepEqual([before.data, before.index, before.mapcount], [2n ** 64n - 1n, TEMPORARY / PAGE, 1]);
	task.remap_anon_pages(GUEST, TEMPORARY, PAGE);
	const after = task.page(GUEST);
	t.is(after.pfn, before.pfn);
	t.is(after.data, before.data);
	t.is(after.index, GUEST / PAGE);
	t.not(after.anon_vma, before.anon_vma);
	t.deepEqual([...task.page(TEMPORARY).words], ['none']);
});

test('page() of a page that was only read is the zero page, which has no frame', t => {
	const {task} = postcopy('2013-05');
	task.read(TEMPORARY);
	const {words, pfn, data} = task.page(TEMPORARY);
	t.deepEqual([[...words], pfn, data], [['present', 'base', 'ro', 'clean', 'young', 'zero'], 0, 0n]);
});

test('vmas() shows start, end, rights and VmFlags, in order', t => {
	const {task} = postcopy('2014-10');
	task.mprotect(TEMPORARY, PAGE, 'PROT_READ');
	t.deepEqual(task.vmas(), [
		{start: GUEST, end: GUEST + 4 * PAGE, permissions: 'rw-p', flags: ['rd', 'wr', 'mr', 'mw', 'me', 'ac', 'sd', 'uf']},
		{start: TEMPORARY, end: TEMPORARY + PAGE, permissions: 'r--p', flags: ['rd', 'mr', 'mw', 'me', 'ac', 'sd']},
		{start: TEMPORARY + PAGE, end: TEMPORARY + 4 * PAGE, permissions: 'rw-p', flags: ['rd', 'wr', 'mr', 'mw', 'me', 'ac', 'sd']},
	]);
});

test('swap_out and swap_in move pages between memory and swap, as rss(), vmstat() and page() show', t => {
	const {kernel, task} = postcopy('2014-10');
	task.write(TEMPORARY, 2 * PAGE, 5);
	task.swap_out(TEMPORARY, 2 * PAGE);
	t.deepEqual(task.rss(), {anon: 0, file: 0, swap: 2});
	t.is(kernel.vmstat('pswpout'), 2);
	const {words, entry, swapcount} = task.page(TEMPORARY);
	t.true(words.has('swap'));
	t.true(entry > 0);
	t.is(swapcount, 1);
	t.is(task.remap_anon_pages(GUEST, TEMPORARY, PAGE), PAGE);
	t.is(task.page(GUEST).entry, entry);
	task.swap_in(GUEST, PAGE);
	t.is(kernel.vmstat('pswpin'), 1);
	t.deepEqual(task.read(GUEST), {result: 'ok'});
	t.is(task.page(GUEST).data, 5n);
	t.deepEqual(task.rss(), {anon: 1, file: 0, swap: 1});
	t.throws(() => kernel.vmstat('pgfault'), {instanceOf: RangeError, message: 'pgfault is no counter that is kept'});
});

test('referenced() counts the entries that were used and clears their young bits', t => {
	const {task} = postcopy('2014-10');
	task.write(TEMPORARY);
	t.is(task.referenced(TEMPORARY), 1);
	t.is(task.referenced(TEMPORARY), 0);
	t.true(task.page(TEMPORARY).words.has('old'));
});

// Every call

test('all calls of a task are there, with flags as names or numbers', t => {
	const task = new Kernel({revision: '2014-10'}).task();
	t.is(task.mmap(GUEST, 4 * PAGE, 3, 0x32), GUEST);
	t.is(task.mprotect(GUEST, PAGE, 'PROT_READ'), 0);
	t.is(task.mprotect(GUEST, PAGE, 3), 0);
	t.is(task.mlock(GUEST, PAGE), 0);
	t.is(task.munlock(GUEST, PAGE), 0);
	t.is(task.mlockall('MCL_CURRENT'), 0);
	t.is(task.munlockall(), 0);
	t.is(task.mincore(GUEST, PAGE), 0);
	t.is(task.msync(GUEST, PAGE, 'MS_SYNC'), 0);
	t.is(task.gup(GUEST, 2, true), 2);
	t.deepEqual(task.kwrite(GUEST, 1, 9), {result: 'ok'});
	t.deepEqual(task.kread(GUEST), {result: 'ok'});
	t.deepEqual(task.kread(0), {result: '-EFAULT'});
	t.deepEqual(task.exec(GUEST), {result: 'SIGSEGV', address: GUEST});
	t.is(task.mremap(GUEST, 4 * PAGE, 2 * PAGE), GUEST);
	t.is(task.mremap(GUEST, 2 * PAGE, 2 * PAGE, 'MREMAP_MAYMOVE|MREMAP_FIXED', TEMPORARY), TEMPORARY);
	t.is(task.brk(0), task.brk(0));
	t.is(task.munmap(TEMPORARY, 2 * PAGE), 0);
	t.is(errnoName(task.mmap(0, 0, RW, ANONYMOUS)), '-EINVAL');
	t.throws(() => task.madvise(GUEST, PAGE, 'MADV_USERFOULT'), {instanceOf: RangeError, message: 'MADV_USERFOULT is no flag that is known'});
	t.throws(() => task.madvise(GUEST, PAGE, 'toString'), {instanceOf: RangeError});
});

const byNumber = test.macro({
	title: (_, revision: RevisionName, number: number) => `syscall(${number}) is remap_anon_pages in ${revision}, and the number behind it is none`,
	exec(t, revision: RevisionName, number: number, moved: number) {
		const {task} = postcopy(revision);
		task.write(TEMPORARY);
		t.is(task.syscall(number, GUEST, TEMPORARY, PAGE, 0n), moved);
		t.is(errnoName(task.syscall(number + 1)), '-ENOSYS');
	},
});
test(byNumber, '2013-05', 314, 0); // I
test(byNumber, '2014-10', 321, 4096); // P

test('a kernel without the call answers -ENOSYS, by name and by number', t => {
	const kernel = new Kernel({revision: '2014-10', remap_anon_pages: false});
	t.is(errnoName(kernel.task().remap_anon_pages(0, 0, 0)), '-ENOSYS');
	t.is(kernel.why()[0]!.decision, 'rap_not_built_in');
	t.is(errnoName(kernel.task().syscall(321)), '-ENOSYS');
});

// Tasks

test('fork() is a task with a copy: what the child writes, the parent does not see', t => {
	const {kernel, task} = postcopy('2014-10');
	task.write(TEMPORARY, PAGE, 5);
	const child = task.fork();
	t.true(child instanceof Task);
	if (!(child instanceof Task)) return;
	t.is(child.number, 2);
	t.is(task.page(TEMPORARY).mapcount, 2);
	t.is(errnoName(task.remap_anon_pages(GUEST, TEMPORARY, PAGE)), '-EBUSY');
	child.write(TEMPORARY, PAGE, 6);
	t.deepEqual([task.page(TEMPORARY).data, child.page(TEMPORARY).data], [5n, 6n]);
	t.is(task.remap_anon_pages(GUEST, TEMPORARY, PAGE), PAGE);
	t.deepEqual(child.read(GUEST), {result: 'SIGBUS', address: GUEST}, 'the child inherits the userfault range');
	child.exit();
	t.throws(() => child.read(GUEST), {instanceOf: RangeError, message: 'task 2 is not running'});
	t.throws(() => kernel.task(2), {instanceOf: RangeError});
	t.is((task.fork() as Task).number, 3, 'a number is given once');
});

test('thread() is a task in the same address space, which lives on without the first one', t => {
	const {kernel, task} = postcopy('2014-10'), other = task.thread();
	other.write(TEMPORARY, PAGE, 8);
	t.is(task.page(TEMPORARY).data, 8n);
	task.exit();
	t.is(other.remap_anon_pages(GUEST, TEMPORARY, PAGE), PAGE);
	t.is(kernel.task(other.number).page(GUEST).data, 8n);
	other.exit();
	t.deepEqual([kernel.machine.mem_map.nr_used, kernel.machine.tables.nr_used], [0, 0], 'the last one takes everything with it');
});

// Signals and failures, which no recording reaches

test('a signal that is pending ends the call behind its first page in 2013-05 (I), and does not in 2014-10 (P)', t => {
	for (const [revision, result, moved] of [['2013-05', -errnos.EINTR, 1], ['2014-10', 2 * PAGE, 2]] as const) {
		const {task} = postcopy(revision);
		task.write(TEMPORARY, 2 * PAGE, 5);
		task.signal();
		t.is(task.remap_anon_pages(GUEST, TEMPORARY, 2 * PAGE), result);
		t.deepEqual([0, 1].map(i => task.page(GUEST + i * PAGE).words.has('present')), [moved > 0, moved > 1]);
		t.is(task.munmap(GUEST, PAGE), 0, 'the signal was for one call');
	}
});

test('a fatal signal lets the call end early and kills all tasks of the address space', t => {
	const {kernel, task} = postcopy('2014-10'), thread = task.thread(), child = task.fork() as Task;
	task.write(TEMPORARY, 2 * PAGE, 5);
	task.signal(true);
	t.is(task.remap_anon_pages(GUEST, TEMPORARY, 2 * PAGE), PAGE);
	t.deepEqual(kernel.why().map(({decision}) => decision), ['rap_page_moved', 'rap_interrupted', 'rap_short']);
	t.throws(() => task.read(GUEST), {message: 'task 1 is not running'});
	t.throws(() => thread.read(GUEST), {message: 'task 2 is not running'});
	t.deepEqual(child.read(TEMPORARY), {result: 'ok'});
});

test('failAllocation makes one allocation fail, after as many as it says', t => {
	const {kernel, task} = postcopy('2014-10');
	task.write(TEMPORARY, 2 * PAGE, 5);
	kernel.failAllocation('pte');
	t.is(errnoName(task.remap_anon_pages(GUEST, TEMPORARY, PAGE)), '-ENOMEM');
	t.deepEqual(kernel.why().map(({decision}) => decision), ['alloc_failed', 'rap_dst_pte_nomem']);
	t.is(task.remap_anon_pages(GUEST, TEMPORARY, PAGE), PAGE, 'only that one');
	kernel.failAllocation('page', 1);
	t.deepEqual(task.write(TEMPORARY + 2 * PAGE), {result: 'ok'});
	t.deepEqual(task.write(TEMPORARY + 3 * PAGE), {result: 'OOM'});
	t.throws(() => task.rss(), {message: 'task 1 is not running'});
	t.throws(() => kernel.failAllocation('zone'), {instanceOf: RangeError, message: 'zone is no kind of allocation'});
});

test('fork() without memory is an errno, not a task', t => {
	const {kernel, task} = postcopy('2014-10');
	task.write(TEMPORARY);
	kernel.failAllocation('anon_vma');
	t.is(errnoName(task.fork() as number), '-ENOMEM');
	t.is((task.fork() as Task).number, 2);
});

// What is thrown

test('what the model leaves out is a NotModelledError, and the machine that is too small an OutOfFrames', t => {
	const task = new Kernel({revision: '2014-10', thp: 'never', max_pages: 2000}).task();
	t.throws(() => task.mmap(0, PAGE, RW, 'MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB'), {instanceOf: NotModelledError, message: 'MAP_HUGETLB'});
	task.mmap(GUEST, 2001 * PAGE, RW, FIXED);
	t.deepEqual(task.write(GUEST, 2000 * PAGE), {result: 'ok'});
	t.throws(() => task.write(GUEST + 2000 * PAGE), {instanceOf: OutOfFrames, message: 'more than 2000 page frames'});
});

test('where the kernel stops a KernelBug is thrown, and a model that is wrong throws a ModelBug', t => {
	// no call of this model reaches a BUG_ON, so one is put where a page table is made
	for (const error of [new KernelBug('!PageAnon(src_page)'), new ModelBug('a lock is still held')]) {
		const {kernel, task} = postcopy('2014-10');
		kernel.machine.tables.alloc = () => {
			throw error;
		};
		t.throws(() => task.write(TEMPORARY), {instanceOf: error.constructor as ErrorConstructor, message: error.message});
	}
});
