using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.Gateway.Forwarding.Lines;

/// <summary>A plain call on its way.</summary>
/// <param name="Context">The call.</param>
/// <param name="Call">What is known of it.</param>
/// <param name="Upstream">Where it goes.</param>
/// <param name="Owner">Who is told what came of it.</param>
/// <param name="Stop">Cancels the execution.</param>
internal readonly record struct PlainCall(HttpContext Context, ForwardedCall Call, Picked Upstream, IPlainCalls Owner, CancellationToken Stop)
{
    /// <summary>Tells what came of it.</summary>
    public ForwardResult Ended(PlainResult result) => Owner.Ended(this, result);

    /// <summary>Has it sent in the other way.</summary>
    public ValueTask<ForwardResult> SendOtherwise() => Owner.SendOtherwise(this);

    /// <summary>Tells that it was given up without a result.</summary>
    public void Broke() => Owner.Broke(this);
}

/// <summary>Who sends plain calls, and is told once of each of them. Thread-safe.</summary>
internal interface IPlainCalls
{
    /// <summary>It is over.</summary>
    ForwardResult Ended(in PlainCall ended, PlainResult result);

    /// <summary>Nothing of it was sent that counts: it goes with YARP after all.</summary>
    ValueTask<ForwardResult> SendOtherwise(in PlainCall unsent);

    /// <summary>What sent it threw, which is a bug.</summary>
    void Broke(in PlainCall broken);
}

/// <summary>How a plain call went.</summary>
/// <param name="Error">In YARP's words, which its health checks go by.</param>
/// <param name="Status">The upstream's status, where it answered.</param>
/// <param name="Bytes">Body bytes given to the caller.</param>
/// <param name="Failure">What was thrown.</param>
/// <param name="CallerLeft">Whether the caller had left before it was given up here.</param>
internal readonly record struct PlainResult(ForwarderError Error, int? Status, long Bytes, Exception? Failure = null, bool CallerLeft = false);
