using JitGrains.Gateway.Limits;
using JitGrains.Gateway.Overload;
using JitGrains.Gateway.RequestPath;
using JitGrains.Silo;
using JitGrains.Silo.ControlPlane;

namespace JitGrains.Gateway.Hosting;

/// <summary>Lets calls in, runs the request path on the gateway's listeners, and answers for what went wrong in it.</summary>
internal sealed partial class GatewayPipeline(RequestPipeline pipeline, LoadShedder calls, TimeProvider time, ILogger<GatewayPipeline> logger)
{
    private static readonly PathString Own = new("/.jit");

    private long troubleSaid;
    private int troubles;

    public Task Invoke(HttpContext context)
    {
        // Whoever asks how a request stands, or takes one back, is let in whatever there is.
        if (context.Request.Path.StartsWithSegments(Own, StringComparison.OrdinalIgnoreCase))
            return Run(context, isCounted: false);
        return calls.TryEnter() ? Run(context, isCounted: true) : Answer(context, GatewayProblems.Overloaded);
    }

    private async Task Run(HttpContext context, bool isCounted)
    {
        CallLimits? limits = null;
        try
        {
            await pipeline.Handle(context, out limits);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to answer.
        }
        catch (BadHttpRequestException e)
        {
            await Answer(context, new Problem("bad-request", e.StatusCode, "The request is malformed", "The body did not arrive as announced.").With("field", "body"));
        }
        catch (Exception e) when (e is IOException && context.RequestAborted.IsCancellationRequested)
        {
            // The same: the connection broke while it was read.
        }
        catch (Exception e) when (StoreTrouble.IsPassing(e))
        {
            SayTrouble(e);
            await Answer(context, Undecided);
        }
        catch (Exception e)
        {
            // What cannot be checked is refused; what it was is for the operators' log only.
            LogFailed(logger, e);
            await Answer(context, Undecided);
        }
        finally
        {
            limits?.Dispose();
            if (isCounted)
                calls.Leave();
        }
    }

    private static Problem Undecided => Problems.Unavailable("The call could not be decided; it has not run, or what came of it is on record.");

    private static async Task Answer(HttpContext context, Problem refused)
    {
        if (context.Response.HasStarted)
            context.Abort();
        else
            await Answers.Refuse(context, refused);
    }

    /// <summary>Once a second at most: while the store is away every call says the same.</summary>
    private void SayTrouble(Exception trouble)
    {
        Interlocked.Increment(ref troubles);
        var (said, now) = (Volatile.Read(ref troubleSaid), time.GetTimestamp());
        if ((said == 0 || time.GetElapsedTime(said, now) >= TimeSpan.FromSeconds(1)) && Interlocked.CompareExchange(ref troubleSaid, now, said) == said)
            LogStore(logger, trouble, Interlocked.Exchange(ref troubles, 0));
    }

    [LoggerMessage(3001, LogLevel.Error, "A call could not be decided")]
    private static partial void LogFailed(ILogger logger, Exception exception);

    [LoggerMessage(3090, LogLevel.Error, "The store cannot be used: {Calls} calls could not be decided")]
    private static partial void LogStore(ILogger logger, Exception exception, int calls);
}
