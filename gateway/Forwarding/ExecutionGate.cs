namespace JitGrains.Gateway.Forwarding;

/// <summary>
/// The last word before a call's first upstream byte, and the guard that it is said once. SocketsHttpHandler asks for
/// the encoding of every header while it writes a request's head into its buffer: after the connection is there,
/// before anything is sent, and anew for each attempt of its own. So the first time is the moment to check that the
/// execution may still start; and when a counted execution's first header comes by a second time, the stack is about
/// to send the request again (as it does where a connection dies early) and is stopped. Tests pin both.
/// </summary>
internal sealed class ExecutionGate(bool once, Func<string?>? mayStart, Action? sent = null)
{
    /// <summary>The gate of the request that is being sent in this flow; see <see cref="SentStream"/>.</summary>
    internal static readonly AsyncLocal<ExecutionGate?> Current = new();

    internal static readonly HttpRequestOptionsKey<ExecutionGate> Key = new("jitgrains.gate");

    private string? firstHeader;
    private int started;
    private int isSent;

    /// <summary>Whether this execution is counted, and therefore sent once at most.</summary>
    public bool Once => once;

    /// <summary>Whether the first byte was let through: the execution has started.</summary>
    public bool Started => Volatile.Read(ref started) != 0;

    /// <summary>Why it was not let through, as one of the outcome's fixed words; null where it was.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Bytes of the request are with the upstream, or it has answered. May be called more than once.</summary>
    public void Sent()
    {
        if (Started && Interlocked.Exchange(ref isSent, 1) == 0)
            sent?.Invoke();
    }

    /// <summary>Called for each header of each attempt.</summary>
    public void OnHeader(string name)
    {
        if (firstHeader is null)
        {
            firstHeader = name;
            Check();
        }
        else if (ReferenceEquals(firstHeader, name))
        {
            if (once)
                throw new ExecutionRefusedException("resend");
            // Another attempt starts anew: what let the first one through may be over.
            Check();
        }
    }

    private void Check()
    {
        Volatile.Write(ref isSent, 0);
        Refusal = mayStart?.Invoke();
        if (Refusal is not null)
            throw new ExecutionRefusedException(Refusal);
        Volatile.Write(ref started, 1);
    }
}

/// <summary>Stops an attempt before its first byte.</summary>
internal sealed class ExecutionRefusedException(string because) : Exception("The execution may not start: " + because)
{
    public string Because => because;
}
