using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;

namespace JitGrains.Bench;

/// <summary>What another .NET process still has use for: its runtime is asked for a full collection, as those do who look into its heap.</summary>
internal static class LiveMemory
{
    private const string Runtime = "Microsoft-Windows-DotNETRuntime";
    private const long CollectKeyword = 0x800000;

    /// <summary>Has the process collect all that it no longer uses. Its next metrics tell what is left.</summary>
    /// <exception cref="ServerNotAvailableException">The process has ended, or its runtime takes no commands.</exception>
    public static async Task CollectAsync(int process)
    {
        var client = new DiagnosticsClient(process);
        // Enabling the keyword is what collects; the events are nobody's.
        using var session = await client.StartEventPipeSessionAsync(new EventPipeProvider(Runtime, EventLevel.Informational, CollectKeyword), requestRundown: false, circularBufferMB: 1, CancellationToken.None);
        var drained = session.EventStream.CopyToAsync(Stream.Null);
        await session.StopAsync(CancellationToken.None);
        await drained;
    }
}
