using System.Collections.Immutable;
using System.Globalization;
using JitGrains.Policy.Conditions;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>Reads conditions.</summary>
internal static class ConditionBinder
{
    private static readonly string[] Weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

    /// <summary>The conditions of a rule or of automatic approval.</summary>
    public static ConditionSet When(Cursor? at, AddressBinder addresses) => Set(at, ConditionShapes.When, addresses);

    /// <summary>The conditions that belong to an action's identity.</summary>
    public static ConditionSet Identity(Cursor? at) => Set(at, ConditionShapes.Identity, null);

    private static ConditionSet Set(Cursor? at, Shape shape, AddressBinder? addresses)
    {
        if (at is null || at.Value.Shape(shape) is not { } keys)
            return ConditionSet.Empty;
        var all = ImmutableArray.CreateBuilder<Condition>();
        foreach (var key in shape.Keys)
        {
            if (keys[key.Name] is { } value)
                all.AddRange(Read(key.Name, value, addresses));
        }

        if (((YamlMap)at.Value.Node).Entries.IsEmpty)
            at.Value.Error("there is no condition here; leave the key out where none is meant");
        return new ConditionSet(all.ToImmutable());
    }

    private static IEnumerable<Condition> Read(string key, Cursor value, AddressBinder? addresses) => key switch
    {
        "path" => FieldBinder.Fields(value, FieldSource.Path),
        "query" => FieldBinder.Fields(value, FieldSource.Query),
        "headers" => FieldBinder.Fields(value, FieldSource.Headers),
        "body" => FieldBinder.Fields(value, FieldSource.Body),
        "claims" => FieldBinder.Fields(value, FieldSource.Claims),
        "address" => addresses!.Condition(value) is { } address ? [address] : [],
        "device" => DeviceBinder.Read(value),
        "time" => Time(value) is { } time ? [time] : [],
        _ => throw new ArgumentOutOfRangeException(nameof(key)),
    };

    private static TimeCondition? Time(Cursor at)
    {
        if (at.Shape(ConditionShapes.Time) is not { } keys)
            return null;
        var days = keys["days"] is { } d ? Days(d) : [true, true, true, true, true, true, true];
        var from = keys["from"] is { } f ? TimeOfDay(f, 23) : TimeSpan.Zero;
        var to = keys["to"] is { } t ? TimeOfDay(t, 24) : TimeSpan.FromHours(24);
        var zone = keys["zone"] is { } z ? Zone(z) : TimeZoneInfo.Utc;
        var outside = keys["outside"] is { } o ? o.Boolean() : false;
        if (from is null || to is null || zone is null || outside is null)
            return null;
        if (from == to)
            return at.Fail<TimeCondition>("from and to are the same time; leave both out where every hour is meant");
        if (from == TimeSpan.Zero && to == TimeSpan.FromHours(24) && days.All(x => x))
            return at.Fail<TimeCondition>("this is every hour of every day; leave it out");
        return new TimeCondition(days, from.Value, to.Value, zone, outside.Value);
    }

    private static ImmutableArray<bool> Days(Cursor at)
    {
        var days = new bool[7];
        foreach (var item in at.Items())
        {
            if (item.Text() is not { } text)
                continue;
            var ends = text.Split('-').Select(n => Array.IndexOf(Weekdays, n)).ToArray();
            if (ends.Length > 2 || ends.Contains(-1))
            {
                item.Error($"'{Shown.Text(text)}' is no day: mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri");
                continue;
            }

            for (var day = ends[0]; ; day = (day + 1) % 7)
            {
                days[day] = true;
                if (day == ends[^1])
                    break;
            }
        }

        return [.. days];
    }

    private static TimeSpan? TimeOfDay(Cursor at, int lastHour)
    {
        var text = at.Text();
        if (text is null)
            return null;
        if (text == "24:00" && lastHour == 24)
            return TimeSpan.FromHours(24);
        if (TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time))
            return time.ToTimeSpan();
        return at.Fail<TimeSpan?>($"'{Shown.Text(text)}' is no time of the 24-hour clock such as \"09:00\"");
    }

    private static TimeZoneInfo? Zone(Cursor at)
    {
        var text = at.Text(64);
        if (text is null)
            return null;
        // Names of the IANA database only: no paths, no names that differ between systems.
        return text.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '_' or '-' or '+') && !text.StartsWith('/') && TimeZoneInfo.TryFindSystemTimeZoneById(text, out var zone)
            ? zone
            : at.Fail<TimeZoneInfo>($"'{Shown.Text(text)}' is no time zone that this machine knows; zones are named as in the IANA database, such as Europe/Berlin");
    }
}
