/**
 * Lets the event loop do what else there is to do: timers, signals, HTTP. By a timer: a message to oneself
 * or a call on another thread would be there again before the loop looks at its sockets. It takes a
 * millisecond, and a tenth of one in a loop that has been busy for longer.
 */
export async function othersTurn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}
