namespace JitGrains.GatewayTests.Processes.Kill;

/// <summary>What happens in a round, as far as a moment can be chosen by it.</summary>
internal enum Moment
{
    /// <summary>A caller is about to send.</summary>
    CallerSends,

    /// <summary>A caller has an answer.</summary>
    CallerAnswered,

    /// <summary>An approver's vote is on its way.</summary>
    VoteSent,

    /// <summary>An approver has the answer to a vote.</summary>
    VoteTaken,

    /// <summary>A revocation is on its way.</summary>
    RevokeSent,

    /// <summary>The upstream has a call's headers, and has not answered.</summary>
    UpstreamCalled,
}

/// <summary>Kills the gateway at the n-th moment of a kind, on the thread that it happens on: no clock decides when. Thread-safe.</summary>
internal sealed class KillSwitch(GatewayProcess process, Moment kind, int after) : IDisposable
{
    private readonly CancellationTokenSource killed = new();
    private readonly TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int left = after;

    /// <summary>Cancelled once the gateway is dead, so that the load ends.</summary>
    public CancellationToken Killed => killed.Token;

    /// <summary>Completes once the gateway is dead.</summary>
    public Task Done => done.Task;

    /// <summary>The target of the call that the upstream had when it happened, where that was the moment.</summary>
    public string? CutShort { get; private set; }

    public async Task Happens(Moment moment, string? target = null)
    {
        if (moment != kind || Interlocked.Decrement(ref left) != 0)
            return;
        CutShort = target;
        process.Kill();
        await process.Ended;
        await killed.CancelAsync();
        done.TrySetResult();
    }

    public void Dispose() => killed.Dispose();
}
