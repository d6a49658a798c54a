using System.Text.Json;
using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

/// <summary>An entry that must be stored before another can follow it.</summary>
/// <param name="Source">The chain.</param>
/// <param name="Sequence">Its number.</param>
/// <param name="Hash">Its hash, as the one that follows names it.</param>
internal sealed record AuditLink(string Source, long Sequence, string Hash)
{
    /// <summary>What a run of one chain's entries, without gaps, rests on: one link, or none at the chain's beginning.</summary>
    public static List<AuditLink> OfRun(IReadOnlyList<AuditEntry> entries) =>
        entries[0].Sequence > 1 ? [new AuditLink(entries[0].Source, entries[0].Sequence - 1, PreviousOf(entries[0]))] : [];

    /// <summary>What a batch rests on: for each run of entries the one before its first. One for a journal's batch, none for a chain's beginning.</summary>
    public static List<AuditLink> Of(IReadOnlyList<AuditEntry> entries)
    {
        var links = new List<AuditLink>();
        var here = new HashSet<(string, long)>();
        foreach (var entry in entries)
        {
            if (entry.Sequence > 1 && !here.Contains((entry.Source, entry.Sequence - 1)))
                links.Add(new AuditLink(entry.Source, entry.Sequence - 1, PreviousOf(entry)));
            here.Add((entry.Source, entry.Sequence));
        }

        return links;
    }

    /// <summary>Throws where another entry, or none, is stored in its place.</summary>
    public void Check(string? storedHash)
    {
        if (storedHash != Hash)
            throw new AuditGapException(storedHash is null ? $"audit chain {Source} has no entry {Sequence}, which another was to follow" : $"audit chain {Source} holds another entry {Sequence} than the one that was to be followed");
    }

    private static string PreviousOf(AuditEntry entry)
    {
        using var document = JsonDocument.Parse(entry.Body);
        return document.RootElement.GetProperty("prev").GetString()!;
    }
}
