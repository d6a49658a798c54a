using System.Globalization;
using System.Text.Json.Nodes;

namespace JitGrains.ClusterTests.Checking;

/// <summary>A grant, as the audit trail has it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Request">The request behind it.</param>
/// <param name="Principal">Its holder.</param>
/// <param name="Action">Its action.</param>
/// <param name="Resource">Its resource.</param>
/// <param name="Uses">Uses; null for any number.</param>
/// <param name="IssuedAt">When.</param>
/// <param name="ExpiresAt">The end of its window.</param>
internal sealed record TrailGrant(
    string Id, string Request, string Principal, string Action, string Resource, int? Uses, DateTimeOffset IssuedAt, DateTimeOffset ExpiresAt);

/// <summary>An entry about a request or a grant.</summary>
/// <param name="Type">What happened.</param>
/// <param name="At">When.</param>
/// <param name="Request">The request.</param>
/// <param name="Grant">The grant, where it is about one.</param>
/// <param name="Who">The approver, for votes.</param>
/// <param name="What">The decision, for votes; the execution's id, for uses.</param>
internal sealed record TrailEntry(string Type, DateTimeOffset At, string Request, string? Grant, string? Who, string? What);

/// <summary>What the checker needs of the audit trail.</summary>
/// <param name="Entries">Entries about requests, votes, grants and uses.</param>
/// <param name="Grants">Every grant that was issued.</param>
internal sealed record Trail(IReadOnlyList<TrailEntry> Entries, IReadOnlyList<TrailGrant> Grants)
{
    public static readonly string[] Decisions = ["request.approved", "request.denied", "request.expired", "request.cancelled", "request.failed"];

    /// <summary>Reads entries as the control plane lists them; of those that are listed twice, one.</summary>
    public static Trail Read(IEnumerable<JsonNode> listed)
    {
        var entries = new List<TrailEntry>();
        var grants = new List<TrailGrant>();
        foreach (var entry in listed.DistinctBy(e => (Text(e, "source"), e["sequence"]!.GetValue<long>())))
        {
            var type = Text(entry, "type");
            var data = entry["data"]!.AsObject();
            if (data["request"] is null)
                continue;
            var at = entry["at"]!.GetValue<DateTimeOffset>();
            entries.Add(new TrailEntry(type, at, Text(data, "request"), Optional(data, "grant"), Personal(entry, "approver"), Optional(data, "decision") ?? Optional(data, "execution")));
            if (type == "grant.issued")
            {
                var uses = Text(data, "uses");
                grants.Add(new TrailGrant(
                    Text(data, "grant"), Text(data, "request"), Personal(entry, "principal")!, Text(data, "action"), Personal(entry, "resource") ?? "",
                    uses == "unlimited" ? null : int.Parse(uses, CultureInfo.InvariantCulture), at, DateTimeOffset.Parse(Text(data, "expires_at"), CultureInfo.InvariantCulture)));
            }
        }

        return new Trail(entries, grants);
    }

    /// <summary>A field whose value may be a digest of what is held beside the entry.</summary>
    private static string? Personal(JsonNode entry, string name)
    {
        if (entry["data"]![name] is not { } field)
            return null;
        var text = field.GetValue<string>();
        return entry["personal"]?[text]?.GetValue<string>() ?? text;
    }

    private static string? Optional(JsonObject data, string name) => data[name]?.GetValue<string>();

    private static string Text(JsonNode node, string name) => node[name]!.GetValue<string>();
}
