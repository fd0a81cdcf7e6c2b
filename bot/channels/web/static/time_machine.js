/** Demo only: lets days go by, so that one sees the reminders and deadlines come. */

import { byId } from "./dom.js";
import { moveTime, Refused } from "./server.js";
import { toast } from "./toast.js";

/** `onMoved(now)`: what the server's clock says after the jump. */
export function startTimeMachine(onMoved) {
  const buttons = byId("time-machine").querySelectorAll("button");
  const busy = (yes) => buttons.forEach((button) => button.setAttribute("aria-disabled", String(yes)));
  let moving = false;
  for (const button of buttons) {
    button.addEventListener("click", async () => {
      // Not `disabled`: that would take the focus away from a keyboard user at every jump.
      if (moving) return;
      moving = true;
      busy(true);
      try {
        onMoved((await moveTime(Number(button.dataset.hours))).now);
        toast(`时间过了${button.textContent.replace("+", "")}`);
      } catch (error) {
        toast(error instanceof Refused ? error.message : "时间没拨动，请再试一次");
      } finally {
        moving = false;
        busy(false);
      }
    });
  }
}

export function showTime(clock) {
  byId("time-now").textContent = clock.full();
}
