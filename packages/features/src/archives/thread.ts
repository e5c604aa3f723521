/** The entry of both kinds of threads. */
import { serveTasks } from '@holdfast/platform/process/task-thread';
import { inspectorTasks } from './inspect-stream.ts';
import { archiveTasks } from './tasks.ts';

serveTasks({ ...archiveTasks, ...inspectorTasks });
