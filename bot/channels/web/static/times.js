/** Times said as WeChat says them (中午12:03, 昨天, 星期三), by the community's clock, not the phone's. */

const WEEKDAYS = ["星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"];
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const CHINA = 8 * 60;

/** Messages closer together than this share one time stamp. */
const SAME_STAMP = 5 * MINUTE;

/** The server's clock: in the demo it may be weeks ahead of the phone's. */
export class Clock {
  #ahead = 0;
  #zone = CHINA;

  set(iso) {
    const at = parse(iso);
    if (Number.isNaN(at)) return;
    this.#ahead = at - Date.now();
    this.#zone = zoneOf(iso);
  }

  now() {
    return Date.now() + this.#ahead;
  }

  /** A moment of this device's clock, told by the server's. */
  told(deviceMs) {
    return new Date(deviceMs + this.#ahead).toISOString();
  }

  /** "11月24日 星期二 中午12:00" */
  full() {
    const wall = this.#wall(this.now());
    return `${monthDay(wall)} ${WEEKDAYS[wall.getUTCDay()]} ${timeOfDay(wall)}`;
  }

  /** Above a bubble: "中午12:03", "昨天 晚上8:10", "星期三 下午3:20", "11月3日 上午9:10". */
  stamp(iso) {
    const wall = this.#wall(parse(iso));
    const day = this.#dayName(wall);
    return day ? `${day} ${timeOfDay(wall)}` : timeOfDay(wall);
  }

  /** In the list there is only room for the day, or for the time if it was today. */
  short(iso) {
    const wall = this.#wall(parse(iso));
    return this.#dayName(wall) || timeOfDay(wall);
  }

  #wall(ms) {
    // Shifted so that the UTC getters read the community's wall clock, whatever zone the phone is in.
    return new Date(ms + this.#zone * MINUTE);
  }

  #dayName(wall) {
    const today = this.#wall(this.now());
    const daysAgo = Math.floor(today / DAY) - Math.floor(wall / DAY);
    if (daysAgo === 0) return "";
    if (daysAgo === 1) return "昨天";
    if (daysAgo > 1 && daysAgo < 7) return WEEKDAYS[wall.getUTCDay()];
    if (wall.getUTCFullYear() === today.getUTCFullYear()) return monthDay(wall);
    return `${wall.getUTCFullYear()}年${monthDay(wall)}`;
  }
}

/** Does a bubble at `iso` need a time stamp of its own after one at `previous`? */
export function needsStamp(previous, iso) {
  return !previous || Math.abs(parse(iso) - parse(previous)) > SAME_STAMP;
}

function parse(iso) {
  // Older Safari refuses microseconds.
  return Date.parse(String(iso).replace(/(\.\d{3})\d+/, "$1"));
}

function zoneOf(iso) {
  const offset = /([+-])(\d\d):?(\d\d)$/.exec(iso);
  if (!offset) return CHINA;
  const minutes = Number(offset[2]) * 60 + Number(offset[3]);
  return offset[1] === "-" ? -minutes : minutes;
}

function monthDay(wall) {
  return `${wall.getUTCMonth() + 1}月${wall.getUTCDate()}日`;
}

function timeOfDay(wall) {
  const hour = wall.getUTCHours();
  const minute = String(wall.getUTCMinutes()).padStart(2, "0");
  return `${partOfDay(hour)}${hour > 12 ? hour - 12 : hour}:${minute}`;
}

function partOfDay(hour) {
  if (hour < 6) return "凌晨";
  if (hour < 9) return "早上";
  if (hour < 12) return "上午";
  if (hour < 13) return "中午";
  if (hour < 18) return "下午";
  return "晚上";
}
