using System.Collections.Immutable;

namespace JitGrains.Policy.Conditions;

/// <summary>
/// Weekdays and hours on a zone's clock: from <paramref name="From"/> until before <paramref name="To"/>. A window that
/// crosses midnight belongs to the day on which it begins.
/// </summary>
/// <param name="Days">Days of the week by index; all seven where days do not matter.</param>
/// <param name="From">Time since midnight.</param>
/// <param name="To">Time since midnight, at most 24 hours.</param>
/// <param name="Zone">Whose clock.</param>
/// <param name="Outside">Whether the opposite is meant.</param>
internal sealed record TimeCondition(ImmutableArray<bool> Days, TimeSpan From, TimeSpan To, TimeZoneInfo Zone, bool Outside) : Condition
{
    public override string Path => "time";

    public override Truth Evaluate(in ConditionContext context, out string? problem)
    {
        problem = null;
        var local = TimeZoneInfo.ConvertTime(context.Now, Zone);
        var time = local.TimeOfDay;
        var today = (int)local.DayOfWeek;
        var within = From < To
            ? Days[today] && time >= From && time < To
            : (Days[today] && time >= From) || (Days[(today + 6) % 7] && time < To);
        return (within != Outside).ToTruth();
    }

    public override string ToString()
    {
        var days = string.Join(' ', Enum.GetValues<DayOfWeek>().Where(d => Days[(int)d]).Select(d => d.ToString()[..3].ToLowerInvariant()));
        return $"{(Outside ? "outside " : "")}{days} {(int)From.TotalHours:00}:{From.Minutes:00}-{(int)To.TotalHours:00}:{To.Minutes:00} {Zone.Id}";
    }
}
