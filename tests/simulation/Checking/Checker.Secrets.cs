using System.Buffers;
using JitGrains.Runtime.Engine;
using JitGrains.Simulation.Edges;

namespace JitGrains.Simulation.Checking;

/// <summary>
/// Invariant 7: tokens, API keys, masked fields and keys are in no log, audit entry, journal, answer, message between processes or
/// stored state. All of these are looked at, in every history.
/// </summary>
internal sealed partial class Checker
{
    private static readonly SearchValues<string> Marks = SearchValues.Create(Canaries.Marks, StringComparison.Ordinal);

    private void WatchSecrets()
    {
        cluster.Said = Look;
        cluster.Network.Sent = m =>
        {
            Look("the bus", m.Key);
            Look("the bus", m.Data);
        };
    }

    private void LookAt(GrainId grain, GrainWrite write)
    {
        Look($"the state of {grain}", write.State);
        foreach (var record in write.Outbox)
            Look($"a message of {grain}", StoreJson.Print(record.Message));
    }

    private void Look(string where, string? text)
    {
        if (text is not null && text.AsSpan().IndexOfAny(Marks) is var at and >= 0)
            Violate(7, $"a secret shows: {where}: {text[Math.Max(0, at - 40)..Math.Min(text.Length, at + 20)]}");
    }
}
