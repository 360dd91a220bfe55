/** How an argument is written: an integer; an integer or names joined by `|`; text of its own kind. */
export type ArgumentKind = 'number' | 'flags' | 'text';

/**
 * What the result of a row is, when it is recorded:
 * `call` an integer or an errno's name, `access` `ok` or how it ended, `task` the new task's number,
 * `count` an integer, `ok-fail` one of those words, `pte`, `vma` and `rss` a list of words, `none` nothing.
 */
export type ResultKind = 'call' | 'access' | 'task' | 'count' | 'ok-fail' | 'pte' | 'vma' | 'rss' | 'none';

interface EventShape {
	readonly args: readonly ArgumentKind[];
	readonly result: ResultKind;
}

// Every event of the trace format, version 1, in its order; an argument past the last one is a number that means nothing
const events = {
	config:            {args: ['text', 'text'],                                          result: 'none'},
	fork:              {args: [],                                                        result: 'task'},
	thread:            {args: [],                                                        result: 'task'},
	exit:              {args: [],                                                        result: 'none'},
	// system calls, with the arguments of each in the kernel's order
	mmap:              {args: ['number', 'number', 'flags', 'flags', 'number', 'number'], result: 'call'},
	munmap:            {args: ['number', 'number'],                                      result: 'call'},
	mprotect:          {args: ['number', 'number', 'flags'],                             result: 'call'},
	mremap:            {args: ['number', 'number', 'number', 'flags', 'number'],         result: 'call'},
	madvise:           {args: ['number', 'number', 'flags'],                             result: 'call'},
	mlock:             {args: ['number', 'number'],                                      result: 'call'},
	munlock:           {args: ['number', 'number'],                                      result: 'call'},
	mlockall:          {args: ['flags'],                                                 result: 'call'},
	munlockall:        {args: [],                                                        result: 'call'},
	mincore:           {args: ['number', 'number'],                                      result: 'call'},
	msync:             {args: ['number', 'number', 'flags'],                             result: 'call'},
	brk:               {args: ['number'],                                                result: 'call'},
	remap_file_pages:  {args: ['number', 'number', 'flags', 'number', 'flags'],          result: 'call'},
	remap_anon_pages:  {args: ['number', 'number', 'number', 'flags'],                   result: 'call'},
	// by number: which of the arguments are flags depends on the number, so all may be
	syscall:           {args: ['number', 'flags', 'flags', 'flags', 'flags', 'flags'],   result: 'call'},
	// these three take a node where the kernel takes a mask
	mbind:             {args: ['number', 'number', 'flags', 'number', 'flags'],          result: 'call'},
	migrate_pages:     {args: ['number', 'number', 'number'],                            result: 'call'},
	move_pages:        {args: ['number', 'number', 'number', 'flags'],                   result: 'call'},
	uffd_register:     {args: ['number', 'number'],                                      result: 'call'},
	uffd_unregister:   {args: ['number', 'number'],                                      result: 'call'},
	uffd_move:         {args: ['number', 'number', 'number', 'flags'],                   result: 'call'},
	// accesses
	read:              {args: ['number', 'number', 'number'],                            result: 'access'},
	write:             {args: ['number', 'number', 'number'],                            result: 'access'},
	exec:              {args: ['number'],                                                result: 'access'},
	fault:             {args: ['number', 'number'],                                      result: 'access'},
	kread:             {args: ['number', 'number', 'number'],                            result: 'access'}, // ok or -EFAULT
	kwrite:            {args: ['number', 'number', 'number'],                            result: 'access'}, // ok or -EFAULT
	gup:               {args: ['number', 'number', 'number'],                            result: 'call'},
	// what a file descriptor is
	file:              {args: ['number', 'number'],                                      result: 'none'},
	shm:               {args: ['number', 'number'],                                      result: 'none'},
	chardev:           {args: ['number'],                                                result: 'none'},
	// what the kernel does on its own
	swap_out:          {args: ['number', 'number'],                                      result: 'none'},
	swap_in:           {args: ['number', 'number'],                                      result: 'none'},
	ksm_scan:          {args: [],                                                        result: 'none'},
	collapse:          {args: ['number'],                                                result: 'ok-fail'},
	split:             {args: ['number'],                                                result: 'none'},
	migrate:           {args: ['number', 'number', 'number'],                            result: 'none'},
	numa_hint:         {args: ['number', 'number'],                                      result: 'none'},
	referenced:        {args: ['number'],                                                result: 'call'},
	signal:            {args: ['number', 'number'],                                      result: 'none'}, // a0 has no meaning
	fail_alloc:        {args: ['text', 'number'],                                        result: 'none'},
	// observations
	pte:               {args: ['number', 'number'],                                      result: 'pte'},
	vma:               {args: ['number', 'number'],                                      result: 'vma'},
	map_count:         {args: [],                                                        result: 'count'},
	rss:               {args: [],                                                        result: 'rss'},
	vmstat:            {args: ['text'],                                                  result: 'count'},
} as const satisfies Record<string, EventShape>;

/** The name of an event, as in the `event` column. */
export type EventName = keyof typeof events;

/** One kind of row. */
export interface TraceEvent extends EventShape {
	readonly name: EventName;
}

const names = Object.keys(events) as EventName[];

/** All events; an event's index here is its id. */
export const EVENTS: readonly TraceEvent[] = Object.freeze(names.map(name => Object.freeze({name, ...events[name]})));

/** The id of each event by its name: a small integer. */
export const EVENT = Object.freeze(Object.fromEntries(names.map((name, id) => [name, id]))) as Readonly<Record<EventName, number>>;
