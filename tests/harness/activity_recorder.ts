import type { Activity, Publish } from "../../agent/activity/activity.ts";

/** Keeps what is published. */
export class ActivityRecorder {
  readonly activities: Activity[] = [];
  readonly publish: Publish = (activity) => {
    this.activities.push(activity);
  };

  /** The activities of one kind, in their order. */
  of<Kind extends Activity["kind"]>(kind: Kind): Extract<Activity, { kind: Kind }>[] {
    return this.activities.filter((activity): activity is Extract<Activity, { kind: Kind }> =>
      activity.kind === kind
    );
  }
}
