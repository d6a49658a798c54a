using JitGrains.Gateway.RequestPath;
using JitGrains.Silo.ControlPlane;

namespace JitGrains.Gateway.Hosting;

/// <summary>Runs the request path on the gateway's listeners, and answers for what went wrong in it.</summary>
internal sealed partial class GatewayPipeline(RequestPipeline pipeline, ILogger<GatewayPipeline> logger)
{
    public async Task Invoke(HttpContext context)
    {
        try
        {
            await pipeline.Handle(context);
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
        catch (Exception e)
        {
            // What cannot be checked is refused; what it was is for the operators' log only.
            LogFailed(logger, e);
            await Answer(context, Problems.Unavailable("The call could not be decided; it has not run, or what came of it is on record."));
        }
    }

    private static async Task Answer(HttpContext context, Problem refused)
    {
        if (context.Response.HasStarted)
            context.Abort();
        else
            await Answers.Refuse(context, refused);
    }

    [LoggerMessage(3001, LogLevel.Error, "A call could not be decided")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
